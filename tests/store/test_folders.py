"""Names and folders of studies: what is taken, what is refused, and that nothing is left where nothing was made."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from hpsearch import api
from hpsearch.errors import InputError, StudyError, StudyExistsError, StudyLockedError, StudyNotFoundError
from hpsearch.store.folders import find_folder, making, new_folder, study_folders, unused_name
from hpsearch.store.store import Store
from hpsearch.trial.events import TrialScored
from support.bench import Bench, Stop

TINY = {"objective": {"epochs": 1}, "search": {"trials": 2, "sampler": "random"}, "finalists": None, "ensemble": None}


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts)


def test_a_taken_name_gets_a_number_and_says_so(bench: Bench):
    space = bench.space("climb", **TINY)
    assert bench.run(space).name == "sample"
    second = bench.run(space)
    assert second.name == second.folder.name == "sample-2"
    assert bench.run(space).name == "sample-3"
    assert bench.notices() == [
        "study sample exists, so this one is sample-2",
        "study sample exists, so this one is sample-3",
    ]


def test_an_unfinished_study_of_that_name_is_named_with_how_to_resume_it(bench: Bench):
    space = bench.space("climb", **TINY)
    bench.stop_at(TrialScored, 1)
    with pytest.raises(Stop):
        bench.run(space)
    bench.watch = lambda _: None
    bench.run(space)
    (notice,) = bench.notices()
    assert notice == (
        "study sample exists, so this one is sample-2; sample is unfinished: "
        f"hpsearch resume sample --studies {bench.studies} goes on with it"
    )


def test_an_explicit_name_that_exists_is_refused(bench: Bench):
    space = bench.space("climb", **TINY)
    study = bench.run(space, name="mine")
    before = files(bench.studies)
    with pytest.raises(StudyExistsError, match=r"--name mine: .* exists; allowed: another name, --resume, or hpsearch"):
        bench.run(space, name="mine")
    assert files(bench.studies) == before
    assert study.state == "done"


def test_a_folder_of_something_else_is_taken(bench: Bench):
    (bench.studies / "mine").mkdir(parents=True)
    (bench.studies / "mine" / "notes.txt").write_text("precious")
    space = bench.space("climb", **TINY)
    with pytest.raises(StudyExistsError):
        bench.run(space, name="mine")
    with pytest.raises(StudyNotFoundError):
        bench.run(space, name="mine", resume=True)
    assert (bench.studies / "mine" / "notes.txt").read_text() == "precious"


def test_create_or_go_on_is_one_line_that_can_be_repeated(bench: Bench):
    space = bench.space("climb", **TINY)
    bench.stop_at(TrialScored, 1)
    with pytest.raises(Stop):
        bench.run(space, name="job", resume=True)
    bench.watch = lambda _: None
    study = bench.run(space, name="job", resume=True)
    assert study.name == "job"
    assert study.state == "done"
    trained = bench.audited()
    assert bench.run(space, name="job", resume=True).state == "done"
    assert bench.audited() == trained
    assert len(trained) == 2
    assert not bench.notices()


def test_going_on_with_a_changed_space_is_refused(bench: Bench):
    bench.run(bench.space("climb", **TINY), resume=True).close()
    changed = bench.space("climb", **TINY | {"space": {"lr": {"uniform": [5.0, 6.0]}}})
    with pytest.raises(InputError, match=r"sample.yaml: has changed since study sample was made \(space\.lr: "):
        bench.run(changed, resume=True)
    assert bench.resume().state == "done"


@pytest.mark.parametrize(
    "name", ["..", ".", "../evil", "/tmp/evil", "a/b", "", "-x", ".hidden", "a b", "a\n", "é", "x" * 101]
)
def test_a_name_cannot_leave_the_directory(bench: Bench, name):
    with pytest.raises(InputError, match="not a study's name; allowed: letters, digits") as caught:
        new_folder(bench.studies, name)
    assert "\n" not in str(caught.value)
    if name:
        with pytest.raises(InputError):
            bench.run(bench.space("climb", **TINY), name=name)
    assert not bench.studies.exists()


def test_a_space_file_cannot_name_its_study_outside(bench: Bench):
    with pytest.raises(InputError, match="study"):
        bench.run(bench.space("climb", study="../evil"))


def test_a_study_is_found_by_name_and_path(bench: Bench, tmp_path):
    study = bench.run(bench.space("climb", **TINY))
    for where in ("sample", "studies/sample", str(study.folder), study.folder / "."):
        assert find_folder(bench.studies, str(where)) == study.folder
    with pytest.raises(
        StudyNotFoundError, match=r"sampel: no such study in .*: sample, or a path; did you mean 'sample'"
    ):
        find_folder(bench.studies, "sampel")
    with pytest.raises(StudyNotFoundError, match="allowed: none is there yet, or a path"):
        find_folder(tmp_path / "nowhere", "sample")
    for odd in ("a\0b", "a" * 5000):
        with pytest.raises(StudyNotFoundError, match="no such study"):
            find_folder(bench.studies, odd)
    assert study_folders(tmp_path / "nowhere") == []
    assert study_folders(bench.studies) == [study.folder]
    assert unused_name(bench.studies, "sample") == "sample-2"
    assert unused_name(bench.studies, "other") == "other"


def test_a_failed_creation_leaves_nothing(bench: Bench, monkeypatch):
    space = bench.space("climb", **TINY)
    with pytest.raises(InputError, match="can't be opened as a store"):
        bench.run(space, storage="nothing://host/db")
    assert not bench.studies.exists()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.run(space)
    assert not bench.studies.exists()


@pytest.mark.parametrize("options", [{"overrides": ["search.trials=0"]}, {"overrides": ["objective.python=a:b"]}])
def test_bad_input_makes_nothing(bench: Bench, options):
    with pytest.raises(InputError):
        bench.run(bench.space("climb", **TINY), **options)
    assert not bench.studies.exists()


def test_a_studies_directory_that_is_a_file_is_one_clear_error(bench: Bench):
    bench.studies.write_text("")
    with pytest.raises(InputError, match=r"the study's folder can't be made: .*; give another --studies"):
        bench.run(bench.space("climb", **TINY))


def test_what_a_kill_left_of_a_creation_is_made_anew(bench: Bench):
    space = bench.space("climb", **TINY)
    folder = bench.studies / "sample"
    folder.mkdir(parents=True)
    (folder / ".study.json.4711.tmp").write_text("{")
    (folder / "study.db-wal").write_bytes(b"")
    assert bench.run(space).folder == folder
    assert not bench.notices()


@pytest.mark.parametrize("kept", ["study.db", "study.json"])
def test_a_study_one_of_whose_files_is_missing_is_not_run_as_new(bench: Bench, kept):
    space = bench.space("climb", **TINY)
    folder = bench.run(space).folder
    for path in folder.glob("study.*"):
        if path.name != kept:
            path.unlink()
    before = files(folder)
    with pytest.raises(InputError):
        bench.resume()
    assert bench.run(space).name == "sample-2"  # its trials are somebody's work
    assert files(folder) == before


def test_two_commands_that_make_the_same_study_do_not_hurt_each_other(bench: Bench):
    space = bench.space("climb", **TINY)
    folder = bench.studies / "sample"
    folder.mkdir(parents=True)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # as another process holds it while it makes the study
    with pytest.raises(StudyLockedError, match="another process is making this study"):
        bench.run(space)
    assert folder.is_dir()
    Store.create(folder, "sample", None, api.load_space_file(space).direction, {}).close()
    os.close(descriptor)
    with pytest.raises(RuntimeError), making(folder):
        raise RuntimeError
    assert (folder / "study.db").is_file()


def test_smoke_keeps_nothing(bench: Bench, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    space = bench.space(search={"trials": 48}, objective={"epochs": 300}, finalists={"configs": 3, "seeds": 5})
    before = files(tmp_path)
    document = api.smoke(space, request=bench_request())
    assert [t["epochs"] for t in document["trials"]] == [2, 2]
    assert [len(f["values"]) for f in document["finalists"]] == [2]
    assert len(document["ensemble"]["members"]) == 2
    assert document["ensemble"]["test"] is not None
    assert files(tmp_path) == before


@pytest.mark.parametrize(("function", "error"), [("fail", StudyError), ("no_such_thing", InputError)])
def test_smoke_keeps_nothing_after_an_error(bench: Bench, tmp_path, monkeypatch, function, error):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    space = bench.space(function)
    before = files(tmp_path)
    with pytest.raises(error):
        api.smoke(space, request=bench_request())
    assert files(tmp_path) == before


def bench_request():
    from support.bench import INLINE

    return INLINE
