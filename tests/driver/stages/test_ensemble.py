"""The ensemble: who votes, and that no choice sees the test split."""

from __future__ import annotations

import pytest

import sample_objectives
from hpsearch.errors import StudyError
from hpsearch.trial.events import Notice, StageEnded
from hpsearch.trial.trial import Stage
from support.bench import Bench, Stop


def readings(study) -> list[dict]:
    return study.store.get("test_readings", [])


def reads_of_test(bench: Bench) -> int:
    return len(bench.audited("read test"))


def ensemble_summary(bench: Bench) -> str:
    return next(e.summary for e in bench.events if isinstance(e, StageEnded) and e.stage == "ensemble")


def test_the_test_split_is_read_once_after_all_choices_are_stored(bench: Bench, monkeypatch):
    at_first_reading = []
    audit = sample_objectives.audit

    def watched(line: str) -> None:
        if line == "read test" and not at_first_reading:
            store = bench.load().store
            at_first_reading.append((store.get("ensemble"), readings(bench.load()), store.records(Stage.FINALISTS)))
        audit(line)

    monkeypatch.setattr(sample_objectives, "audit", watched)
    study = bench.run(bench.space())
    lines = bench.audited("read")
    first = lines.index("read test")
    assert set(lines[:first]) == {"read val"}
    assert set(lines[first:]) == {"read test"}
    assert len(lines[first:]) == len(study.store.get("ensemble")["members"])
    ensemble, stored, finalists = at_first_reading[0]
    assert ensemble == study.store.get("ensemble")
    assert sum(member["weight"] for member in ensemble["members"]) == pytest.approx(1)
    assert [r["scores"] for r in stored] == [None]
    assert repr(finalists) == repr(study.store.records(Stage.FINALISTS))
    assert len(readings(study)) == 1
    assert study.document()["ensemble"]["test"]["ensemble"]["n"] == 80


def test_a_done_study_reads_nothing_again(bench: Bench):
    first = bench.run(bench.space())
    before, lines = first.document(), bench.audited()
    again = bench.resume()
    assert bench.audited() == lines
    assert again.document() == before


def test_a_kill_between_the_reading_and_its_scores_makes_no_second_reading(bench: Bench):
    study = bench.run(bench.space())
    whole = readings(study)
    study.store.put("test_readings", [whole[0] | {"scores": None}])
    study.store.put("done", value=False)
    study.close()
    again = bench.resume()
    assert readings(again) == whole
    assert not whole[0]["seen_before"]
    assert again.document()["test_readings"] == 1


def test_a_kill_before_the_choice_is_stored_chooses_the_same(bench: Bench, monkeypatch):
    space = bench.space()
    whole = bench.run(space, name="whole").document()["ensemble"]
    monkeypatch.setattr("hpsearch.driver.stages.ensemble._choose", _stop)
    with pytest.raises(Stop):
        bench.run(space, name="cut")
    before = reads_of_test(bench)
    monkeypatch.undo()
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("SAMPLE_AUDIT", str(bench.audit))
    again = bench.resume("cut")
    assert again.document()["ensemble"] == whole
    assert reads_of_test(bench) == before + len(whole["members"])


def _stop(*_: object) -> None:
    raise Stop


def test_an_extended_study_reads_again_and_says_so(bench: Bench):
    first = bench.run(bench.space(search={"trials": 2, "sampler": "random"}))
    own = readings(first)
    first.close()
    extended = bench.resume(trials=8)
    assert extended.store.get("ensemble")["members"] != own[0]["members"]
    assert [r["seen_before"] for r in readings(extended)] == [False, True]
    assert readings(extended)[0] == own[0]
    assert [r["trials"] for r in readings(extended)] == [2, 8]
    assert extended.document()["test_readings"] == 2
    assert extended.document()["ensemble"]["test"] == readings(extended)[1]["scores"]


def test_an_extension_that_changes_no_member_reads_nothing(bench: Bench):
    space = bench.space("ConstantClassifier", search={"trials": 3})
    first = bench.run(space)
    before = reads_of_test(bench)
    members = first.store.get("ensemble")["members"]
    first.close()
    extended = bench.resume(trials=5)  # all score alike: ties go to the lower numbers
    assert extended.store.get("ensemble")["members"] == members
    assert reads_of_test(bench) == before
    assert len(readings(extended)) == 1
    assert extended.state == "done"


def test_without_finalists_the_best_of_the_search_vote(bench: Bench):
    study = bench.run(bench.space(finalists=None, ensemble={"members": 2}, keep_checkpoints=3))
    ensemble = study.store.get("ensemble")
    best = sorted(study.store.records(Stage.SEARCH), key=lambda r: (-r.value, r.number))[:3]
    assert ensemble["candidates"] == [["search", r.number] for r in best]
    assert len(ensemble["members"]) == 2
    assert {m["stage"] for m in ensemble["members"]} == {"search"}
    assert all((study.folder / m["checkpoint"]).is_file() for m in ensemble["members"])
    assert not study.store.records(Stage.FINALISTS)
    assert study.document()["finalists"] == []
    assert study.best.n == 0


@pytest.mark.parametrize(
    ("function", "changes", "why"),
    [
        ("Classifier", {"ensemble": None}, "skipped: the space file has ensemble: null"),
        ("climb", {}, "skipped: the objective has no predict(checkpoint, split), which a vote needs"),
        ("ForgetfulClassifier", {}, "skipped: no checkpoint of a trial that can win is on disk"),
    ],
)
def test_it_says_why_it_is_skipped(bench: Bench, function, changes, why):
    study = bench.run(bench.space(function, search={"trials": 2}, finalists=None, **changes))
    assert ensemble_summary(bench).startswith(why)
    assert study.state == "done"
    assert study.document()["ensemble"] is None
    assert not reads_of_test(bench)


def test_a_predict_that_fails_shows_its_traceback_and_can_be_resumed(bench: Bench):
    space = bench.space("BreakableClassifier")
    (bench.folder / "broken").touch()
    with pytest.raises(StudyError) as caught:
        bench.run(space)
    message = str(caught.value)
    assert message.startswith("predict(checkpoint, 'val') failed for finalists trial ")
    assert message.endswith(": ValueError: no predictions today; fix it, then resume")
    assert "\n" not in message
    details = [e.detail for e in bench.events if isinstance(e, Notice) and e.detail]
    assert len(details) == 1
    assert "sample_objectives.py" in details[0]
    (bench.folder / "broken").unlink()
    trained = len(bench.load().store.records(Stage.FINALISTS))
    study = bench.resume()
    assert study.state == "done"
    assert len(study.store.records(Stage.FINALISTS)) == trained


def test_predictions_of_other_shapes_are_one_clear_error(bench: Bench):
    with pytest.raises(StudyError, match=r"gave probabilities of different shapes: \[\(80, 2\), \(80, 3\)\]"):
        bench.run(bench.space("ShapelessClassifier"))


def test_predictions_of_other_labels_are_one_clear_error(bench: Bench):
    with pytest.raises(StudyError, match="gave different labels for different checkpoints"):
        bench.run(bench.space("ShuffledClassifier"))


@pytest.mark.slow
def test_a_worker_that_dies_in_predict_is_replaced(cli, space_file, ray_address):
    space_file("DyingClassifier", objective={"epochs": 2}, search={"trials": 2}, finalists=None)
    done = cli.run_warm("run", "sample.yaml", "--workers", "1", "--ray-address", ray_address)
    (notice,) = [line for line in done.stderr.splitlines() if "tried again on another" in line]
    assert "predict(checkpoint, 'val') of search trial " in notice
    assert ": its worker ended (lost: process " in notice
    assert len(list(cli.folder.rglob("predictions-val.npz"))) == 2


@pytest.mark.slow
def test_a_checkpoint_that_ends_every_worker_is_given_up_and_can_be_resumed(cli, space_file, ray_address):
    changes = {"objective": {"epochs": 2}, "search": {"trials": 2}, "finalists": None, "faults": {"max_retries": 1}}
    space_file("DeadlyClassifier", **changes)
    (cli.folder / "deadly").touch()
    done = cli.run_warm("run", "sample.yaml", "--workers", "1", "--ray-address", ray_address, code=1)
    assert "given up after 1 retry; fix it, then resume" in done.stderr
    (cli.folder / "deadly").unlink()
    cli.run_warm("resume", "sample", "--workers", "1", "--ray-address", ray_address)
