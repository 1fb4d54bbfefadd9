"""The examples, as a user would try them from some other directory: killed once, and resumed."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from hpsearch import load_study
from support.paths import ROOT
from support.waiting import wait_until

EXAMPLES = ROOT / "examples"
ENDS = {
    "generator": "an attempt goes on",
    "report": "an attempt goes on",
    "command": "an attempt goes on",
    "classifier": "an attempt goes on",
    "config_file": "an attempt starts again",
    "hydra": "an attempt goes on",
    "lightning": "an attempt goes on",
    "optuna_style": "an attempt starts again",
    "trainable": "an attempt goes on",
    "trainer": "an attempt goes on",
}
INLINE = ("--executor", "inline", "--cpus-per-trial", "1")  # tests run beside each other
DEAR = {"lightning", "trainer"}  # an epoch of theirs takes as long as a study of the others
CHEAP = {"command", "config_file", "generator", "hydra", "report"}  # three epochs of theirs end before anyone looks

PRINTS_FIRST = {"command"}  # it saves after it prints: a kill in between costs that epoch


def small(name):
    """Return options for a study that is as small as shows a kill and a resume."""
    sizes = ["search.trials=2", "finalists={configs: 1, seeds: 2}", "objective.epochs=3"]
    if name in DEAR:
        sizes = ["search.trials=1", "finalists=null", "objective.epochs=2"]
    if name == "optuna_style":
        sizes.pop()  # it has its own epochs
    if name in CHEAP:
        sizes[-1] = "objective.epochs=200"  # it is to be killed in the middle of a trial
    return [word for size in sizes for word in ("--set", size)]


def files(folder):
    """Return all files of a folder but Python's own caches."""
    return {path.relative_to(folder) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def epochs(study, attempt):
    """Return what the manifests of trials' attempts of this number hold, by trial."""
    manifests = study.glob(f"*/*/attempt-{attempt}/manifest.json")
    return {path.parts[-4:-2]: json.loads(path.read_text())["measurements"] for path in manifests}


def stopped_in_a_trial(process, study):
    """Stop a command; return whether a trial then has measurements and has not ended. Else it goes on."""
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGSTOP)
    found = [json.loads(path.read_text()) for path in study.glob("*/*/attempt-1/manifest.json")]
    if any(manifest["measurements"] and manifest["reason"] is None for manifest in found):
        return True
    process.send_signal(signal.SIGCONT)
    return False


def document_of(study):
    """Return what `show --json` prints."""
    loaded = load_study(study)
    document = loaded.document()
    loaded.close()
    return document


def test_every_example_is_tried():
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == set(ENDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDS)
def test_an_example_is_killed_and_resumed_and_leaves_nothing(name, cli, tmp_path):
    copy = tmp_path / "examples"
    shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns("__pycache__", "studies"))
    temporary, cli.folder = tmp_path / "temporary", tmp_path / "elsewhere"
    temporary.mkdir()
    cli.folder.mkdir()
    before = files(copy)
    places = {
        # The first optimizer of torch makes its compiler's cache, for each user one, in the temporary directory.
        "TMPDIR": str(temporary),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # `python3` of a command
    }
    study = cli.folder / "studies" / name
    run = ("run", str(copy / f"{name}.yaml"), "--name", name, *small(name), *INLINE)
    killed = cli.start_warm(*run, **places)
    wait_until(
        lambda: killed.poll() is not None or stopped_in_a_trial(killed, study), timeout_s=120, what="the first epoch"
    )
    killed.kill()
    assert killed.returncode == -signal.SIGKILL, killed.communicate()
    assert document_of(study)["state"] == "unfinished"
    wait_until(lambda: not cli.processes(), what="the end of a command's children")
    first = epochs(study, 1)
    shutil.rmtree(temporary)  # what a kill leaves there is not this test's
    temporary.mkdir()
    cli.run_warm("resume", name, *INLINE, **places)
    document = document_of(study)
    assert document["state"] == "done"
    assert {trial["state"] for trial in document["trials"]} == {"COMPLETE"}
    assert len(document["trials"]) == (1 if name in DEAR else 2)
    assert [len(one["values"]) for one in document["finalists"]] == ([] if name in DEAR else [2])
    assert bool(document["ensemble"]) == (name == "classifier")
    second = epochs(study, 2)
    assert second
    for trial, measured in second.items():
        kept = first.get(trial, [])[: -1 if name in PRINTS_FIRST else None]
        assert (measured[: len(kept)] == kept) == (ENDS[name] == "an attempt goes on" or not kept)
    assert files(copy) == before
    assert files(temporary) == set()
    assert cli.processes() == []
