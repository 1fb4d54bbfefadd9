"""The newcomer's page: its commands in order, and once the installed command with a kill in the middle."""

import importlib.util
import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from hpsearch import api
from support.documents import read_yaml
from support.paths import ROOT
from support.repositories import everything, git

DOCS = ROOT / "docs"
_SPEC = importlib.util.spec_from_file_location("make_start", DOCS / "make_start.py")
make_start = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(make_start)

INLINE = " --executor inline"
RUN = "hpsearch run train.hpsearch.yaml"
SMALL = f"{INLINE} --trials 5 --set finalists.configs=1 --set finalists.seeds=8"
MORE = {RUN: SMALL, f"{RUN} --smoke": INLINE, "hpsearch verify train --from config.yaml --key optim": INLINE}


class WarmWalk(make_start.Walk):
    """The page's way, without the start of each `hpsearch`."""

    def __init__(self, folder: Path, server) -> None:
        super().__init__(folder)
        self.server, self.printed = server, folder.with_name("printed.txt")

    def run(self, command: str) -> list[str]:
        name, *arguments = shlex.split(command)
        if name != "hpsearch":
            return super().run(command)
        self.printed.unlink(missing_ok=True)
        outputs = [self.printed, self.printed]
        process = self.server.start(
            *arguments, folder=self.folder, environment=make_start.environment(), outputs=outputs
        )
        text, _ = process.communicate()
        assert process.returncode == 0, f"{command} ended with code {process.returncode}\n{text}"
        return [line.rstrip() for line in text.replace(f"{self.folder}/", "").rstrip().splitlines()]


def study_of(walk) -> dict:
    loaded = api.load_study(walk.folder / "studies" / "train")
    document = loaded.document()
    loaded.close()
    return document


def found(document: dict) -> list:
    """What must not depend on interruptions."""
    trials = [(t["number"], t["params"], t["seed"], t["value"], t["best_epoch"]) for t in document["trials"]]
    return [trials, document["finalists"], document["best"]]


@pytest.fixture(scope="module")
def walked(tmp_path_factory, warm_server):
    """The whole page, walked: the copy, what each command printed, and the study."""
    walk = WarmWalk(tmp_path_factory.mktemp("start") / "repo", warm_server())
    printed = {}
    for command in make_start.commands():
        exporting = command.startswith("hpsearch export")
        before = everything(walk.folder) if exporting else None
        printed[command] = walk.run(command + MORE.get(command, ""))
        if exporting:
            assert everything(walk.folder) == before, f"{command} changed the user's files, index or branch"
        if command == f"cat {make_start.EDITED}":
            walk.edit()
    return walk, printed, study_of(walk)


def test_the_page_has_these_commands_and_files():
    page = make_start.TARGET.read_text()
    assert set(MORE) < set(make_start.commands())
    assert re.findall(r"^\$ (.+)$", page, re.MULTILINE) == make_start.commands(), "run python docs/make_start.py"
    script = (make_start.REPOSITORY / "train.py").read_text()
    for text in [(make_start.REPOSITORY / "config.yaml").read_text(), "\n".join(make_start.options(script))]:
        assert text in page, "run python docs/make_start.py"
    assert make_start.EDIT[1] in page
    assert max(map(len, page.splitlines())) <= 140


@pytest.mark.slow
def test_the_page_ends_with_the_best_config_on_a_branch(walked):
    walk, printed, study = walked
    assert git(walk.folder, "diff", "--name-only", "tuned^", "tuned").split() == [
        "config.yaml",
        "config.yaml.hpsearch.json",
    ]
    best = study["best"]
    text = git(walk.folder, "show", "tuned:config.yaml")
    assert read_yaml(text)["optim"] == best["params"]
    assert "# a first guess" in text
    assert json.loads(git(walk.folder, "show", "tuned:config.yaml.hpsearch.json"))["trial"] == best["trial"]
    changed = printed["hpsearch export train --to config.yaml --key optim --diff --dry-run"]
    assert {line.split()[1] for line in changed if re.match(r"\+ ", line)} == {f"{name}:" for name in best["params"]}
    assert printed[f"{RUN} --smoke"][-1].startswith("smoke test passed")
    assert printed["git status --short --branch"] == ["## main"]
    assert printed["hpsearch verify train --from config.yaml --key optim"][-1].startswith("within ")


@pytest.mark.slow
def test_a_kill_in_the_middle_does_not_change_the_winner(walked, tmp_path, warm_server):
    walk = WarmWalk(tmp_path / "repo", warm_server())
    walk.run("hpsearch init train.py")
    walk.edit()
    driver = subprocess.Popen(
        shlex.split(RUN + SMALL),
        cwd=walk.folder,
        env=make_start.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with driver:
        lines = iter(driver.stderr.readline, "")
        assert any(line.startswith("trial 1 ") for line in lines)
        os.killpg(driver.pid, signal.SIGKILL)
    assert driver.returncode == -signal.SIGKILL
    killed = study_of(walk)
    assert killed["state"] == "unfinished"
    # The end of the last one is in its manifest; the store gets it when no worker waits for anything.
    assert 1 <= sum(trial["state"] == "COMPLETE" for trial in killed["trials"]) < 5
    walk.run(f"hpsearch resume train{INLINE}")
    assert found(study_of(walk)) == found(walked[2])
