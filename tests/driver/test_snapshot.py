"""`run --snapshot`: all trials run from a copy of the repository that was taken when the study was made."""

import json
import os
import sys
from pathlib import Path

import pytest

from hpsearch.driver.snapshot import take_snapshot
from hpsearch.errors import InputError
from hpsearch.system.git import code_state
from hpsearch.system.place import Place
from hpsearch.trial.events import Notice, TrialScored
from hpsearch.trial.trial import Stage
from support.bench import Bench
from support.documents import with_sections
from support.repositories import committed, git

SCRIPT = """
import json
from pathlib import Path

value = float(Path("data/value.txt").read_text())
print(json.dumps({"score": VALUE + value}))
"""
IGNORED = {"data/value.txt": "0.5", ".gitignore": "data/\nstudies/\n__pycache__/\naudit.txt\n"}


@pytest.fixture
def repo(bench: Bench, git_identity):
    return committed(bench.folder, {**IGNORED, "train.py": SCRIPT.replace("VALUE", "1")})


def space(bench: Bench, **objective):
    objective = objective or {"command": [sys.executable, "train.py", "{args}"], "epochs": 1}
    return with_sections(bench.space(finalists=None, ensemble=None), objective=objective)


def values(study):
    return [record.value for record in study.store.records(Stage.SEARCH)]


def test_the_whole_study_runs_from_the_copy(bench: Bench, repo):
    bench.watch = lambda e: (repo / "train.py").write_text("broken") if isinstance(e, TrialScored) else None
    before = Path.cwd()
    study = bench.run(space(bench), snapshot=True)
    assert values(study) == [1.5] * 4
    assert Path.cwd() == before
    copy = study.folder / "code"
    assert (copy / "train.py").read_text() == SCRIPT.replace("VALUE", "1")
    assert (copy / "data").readlink() == repo / "data"
    assert (copy / "sample.yaml").is_file(), "not committed, and not ignored"
    assert not (copy / "studies").exists()
    assert not (copy / ".git").exists()
    assert any("3 files of" in e.message and str(copy) in e.message for e in bench.events if isinstance(e, Notice))
    resumed = bench.resume(trials=6)
    assert values(resumed) == [1.5] * 6
    states = [record.code for record in resumed.store.records(Stage.SEARCH)]
    assert states == [study.store.get("code")] * 6
    assert states[0]["commit"] == git(repo, "rev-parse", "HEAD")
    assert not any("code has changed" in e.message for e in bench.events if isinstance(e, Notice))


def test_settings_of_a_command_lead_into_the_copy(bench: Bench, repo):
    (repo / "sub").mkdir()
    (repo / "sub" / "conf.yaml").write_text("lr: 1\nwd: 1\n")
    (repo / "sub" / "go.py").write_text(
        'import json, os, sys\nprint(json.dumps({"score": 1.0, "inside": float("studies" in os.getcwd())}))\n'
        "assert open(sys.argv[1]).read()\n"
    )
    command = [sys.executable, "go.py", "{config_file}"]
    template = {"template": "sub/conf.yaml"}
    path = space(bench, command=command, epochs=1, cwd="sub", config_file=template)

    def change(event):
        if isinstance(event, TrialScored):
            (repo / "sub" / "conf.yaml").write_text("broken: [")
            (repo / "sub" / "go.py").write_text("broken")

    bench.watch = change
    study = bench.run(path, snapshot=True)
    assert values(study) == [1.0] * 4


def test_without_a_repository_nothing_is_made(bench: Bench):
    (bench.folder / "train.py").write_text(SCRIPT)
    with pytest.raises(InputError, match=r"--snapshot: .* is in no git repository"):
        bench.run(space(bench), snapshot=True)
    assert not bench.studies.exists()


def test_code_that_can_not_train_leaves_no_study(bench: Bench, repo):
    with pytest.raises(InputError, match="there is no module"):
        bench.run(space(bench, python="not_there:train", epochs=1), snapshot=True)
    assert not bench.studies.exists()


def test_a_copy_that_is_gone_is_said(bench: Bench, repo):
    study = bench.run(space(bench), snapshot=True)
    (study.folder / "code").rename(study.folder / "elsewhere")
    with pytest.raises(InputError, match=r"its copy of the code, .*/code, is gone"):
        bench.resume(trials=6)


def test_what_a_killed_command_left_is_replaced(bench: Bench, repo):
    (bench.studies / "sample" / ".code.tmp").mkdir(parents=True)
    (bench.studies / "sample" / "code").mkdir()
    (bench.studies / "sample" / "code" / "train.py").write_text("broken")
    study = bench.run(space(bench), snapshot=True, name="sample", resume=True)
    assert values(study) == [1.5] * 4


def test_deleted_files_links_and_folders_of_their_own(tmp_path, repo):
    (repo / "train.py").unlink()
    (repo / "link.py").symlink_to("new.py")
    (repo / "new.py").write_text("x = 1\n")
    (repo / "new.py").chmod(0o755)
    target = tmp_path / "study"
    target.mkdir()
    taken = take_snapshot(repo, target, tmp_path / "studies")
    assert (target / "code" / "link.py").readlink() == Path("new.py")
    assert os.access(target / "code" / "new.py", os.X_OK)
    assert not (target / "code" / "train.py").exists()
    place = Place(taken.top, target / "code")
    assert place.of(str(repo / "new.py")) == str(target / "code" / "new.py")
    for elsewhere in ("/usr", str(repo / "data"), str(repo / "data" / "value.txt"), str(repo / "not there")):
        moved = place.of(elsewhere)
        assert Path(moved).resolve() == Path(elsewhere).resolve()
    code = code_state(repo, [target])
    assert code is not None
    assert code.dirty


PYTHON = """
from pathlib import Path

import part


def train(config, trial):
    for epoch in trial.epochs():
        for name in ("model.py", "part/__init__.py"):
            Path(ORIGINAL, name).write_text("broken(")
        from part import late
        yield {"score": part.VALUE + late.VALUE}
"""


@pytest.mark.slow
def test_python_in_new_processes_is_imported_from_the_copy(cli, git_identity):
    folder = cli.folder
    text = PYTHON.replace("ORIGINAL", repr(str(folder)))
    part = {"part/__init__.py": "VALUE = 1.0\n", "part/late.py": "VALUE = 0.25\n"}
    committed(folder, {**IGNORED, "model.py": text, **part})
    (folder / "space.yaml").write_text(
        "study: copied\nmetric: score\ndirection: maximize\nobjective: {python: 'model:train', epochs: 1}\n"
        "space: {lr: {uniform: [0, 1]}}\nsearch: {trials: 2}\nfinalists: null\n"
    )
    cli.run("run", "space.yaml", "--snapshot", "--workers", "1", "--fresh-process")
    assert (folder / "model.py").read_text() == "broken("
    document = json.loads(cli.run_warm("show", "copied", "--json").stdout)
    assert [trial["value"] for trial in document["trials"]] == [1.25] * 2
    assert {trial["code"]["commit"] for trial in document["trials"]} == {git(folder, "rev-parse", "HEAD")}
