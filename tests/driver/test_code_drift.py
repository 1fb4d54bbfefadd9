"""What code trained which trial, and the warning when it changes."""

import sys
from pathlib import Path

import pytest

import sample_objectives
from hpsearch.export.provenance import provenance
from hpsearch.system.git import code_state
from hpsearch.trial.events import Notice, TrialScored
from hpsearch.trial.trial import Stage
from support.bench import Bench
from support.documents import with_sections
from support.repositories import committed, git

SCRIPT = 'import json\nprint(json.dumps({"score": 0.5}))\n'


@pytest.fixture
def repo(bench: Bench, git_identity):
    return committed(bench.folder, {"train.py": SCRIPT}, add="train.py")


def space(bench: Bench, **changes):
    command = {"command": [sys.executable, "train.py", "{args}"], "epochs": 1}
    return with_sections(bench.space(finalists=None, ensemble=None, **changes), objective=command)


def codes(study):
    return [record.code for record in study.store.records(Stage.SEARCH)]


def warnings(bench: Bench):
    return [e.message for e in bench.events if isinstance(e, Notice) and "code has changed" in e.message]


def test_every_trial_and_the_study_have_their_code(bench: Bench, repo):
    study = bench.run(space(bench))
    state = code_state(repo, [bench.studies]).as_dict()
    assert study.store.get("code") == state
    assert codes(study) == [state] * 4
    assert [trial["code"] for trial in study.document()["trials"]] == [state] * 4
    assert provenance(study, study.best)["code"] == state
    assert not warnings(bench)
    study.store.reload()
    assert codes(study) == [state] * 4


def test_a_change_in_mid_study_warns_once(bench: Bench, repo):
    def change(event):
        if isinstance(event, TrialScored):
            (repo / "train.py").write_text(SCRIPT + "# changed\n")

    bench.watch = change
    study = bench.run(space(bench))
    first, *later = codes(study)
    assert not first["dirty"]
    assert first["commit"] == git(repo, "rev-parse", "HEAD")
    assert [code["dirty"] for code in later] == [True] * 3
    assert len({code["diff_hash"] for code in later}) == 1
    (said,) = warnings(bench)
    assert f"search trial 1 runs commit {first['commit'][:10]} with changes {later[0]['diff_hash']}" in said
    assert f"trials before it commit {first['commit'][:10]};" in said


def test_a_change_between_run_and_resume_warns(bench: Bench, repo):
    bench.run(space(bench)).close()
    (repo / "train.py").write_text(SCRIPT + "# changed\n")
    git(repo, "commit", "-qam", "second")
    study = bench.resume(trials=5)
    assert len(warnings(bench)) == 1
    assert codes(study)[-1]["commit"] == git(repo, "rev-parse", "HEAD") != codes(study)[0]["commit"]
    bench.resume(trials=6)
    assert len(warnings(bench)) == 1


def test_outside_of_a_repository_nothing_is_recorded(bench: Bench):
    (bench.folder / "train.py").write_text(SCRIPT)
    study = bench.run(space(bench))
    assert codes(study) == [None] * 4
    assert study.store.get("code") is None
    assert "code" not in provenance(study, study.best)


def test_the_code_of_python_is_where_its_module_lies(bench: Bench):
    """The samples lie in another folder than the space file and the working directory."""
    study = bench.run(bench.space("climb", finalists=None, ensemble=None))
    state = code_state(Path(sample_objectives.__file__).parent, [bench.studies])
    assert codes(study)[0] == (None if state is None else state.as_dict())
