"""What notebooks and the command line call: studies extended, resumed and read; and the package's public surface."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import hpsearch
from hpsearch import api
from hpsearch.driver import driving, session
from hpsearch.errors import InputError, Interrupted, StudyError, StudyLockedError
from hpsearch.executors.resources import ResourceRequest
from hpsearch.samplers import JitteredGridSampler
from hpsearch.system.signals import raising_signals
from hpsearch.trial.events import StageStarted, StudyOpened, TrialMeasured, TrialScored, TrialStarted
from hpsearch.trial.trial import Stage, State
from support.bench import INLINE, Bench, Stop, results

SHORT = {"objective": {"epochs": 1}, "finalists": None, "ensemble": None}
SPACE = {
    "lr": {"loguniform": [1e-4, 1e-1]},
    "batch_size": {"choice": [16, 32, 64, 128]},
    "wd": {"qloguniform": [1e-3, 1.0, 1e-3]},
    "optimizer": "adamw",
}


def params(study: api.Study) -> list[dict]:
    return [dict(record.params) for record in study.store.records(Stage.SEARCH)]


def test_eight_trials_extended_are_the_same_as_all_at_once(bench: Bench):
    levels = {"lr": 6, "batch_size": 4, "wd": 3}
    space = bench.space("climb", space=SPACE, search={"trials": 12, "levels": levels}, **SHORT)
    at_once = bench.run(space, name="whole")
    bench.run(space, name="grown", overrides=["search.trials=4"]).close()
    bench.resume("grown", trials=5).close()
    grown = bench.resume("grown", trials=12)
    assert params(grown) == params(at_once)
    assert results(grown) == results(at_once)
    assert grown.store.get("trials") == 12


def test_the_levels_are_fixed_when_the_study_is_made(bench: Bench):
    space = bench.space("climb", space=SPACE, search={"trials": 2}, **SHORT)
    first = bench.run(space)
    (levels,) = [one.levels for one in first.rounds]
    (larger,) = bench.run(space, name="larger", overrides=["search.trials=6"]).store.get("rounds")
    assert levels != larger["levels"]
    first.close()
    extended = bench.resume(trials=6)
    assert [one.levels for one in extended.rounds] == [levels]
    sampler = JitteredGridSampler(extended.config.space, extended.config.seed, levels)
    assert params(extended) == [sampler.draw(number) for number in range(6)]


@pytest.mark.parametrize("old", [False, True])
def test_the_stored_levels_are_used_whatever_would_be_chosen_today(bench: Bench, old):
    study = bench.run(bench.space("climb", space=SPACE, search={"trials": 2}, **SHORT))
    levels = {"lr": 2, "batch_size": 4, "wd": 5}
    if old:  # a study of format 1 has no rounds
        study.store.put("rounds", None)
        study.store.put("levels", levels)
    else:
        study.store.put("rounds", [study.store.get("rounds")[0] | {"levels": levels}])
    study.close()
    extended = bench.resume(trials=4)
    sampler = JitteredGridSampler(extended.config.space, extended.config.seed, levels)
    assert params(extended)[2:] == [sampler.draw(2), sampler.draw(3)]


def test_fewer_trials_than_are_done_finish_now(bench: Bench):
    space = bench.space("climb", search={"trials": 6}, finalists={"configs": 1, "seeds": 2}, ensemble=None)
    bench.stop_at(TrialScored, 3)
    with pytest.raises(Stop):
        bench.run(space)
    bench.watch = lambda _: None
    bench.events.clear()
    study = bench.resume(trials=1)
    assert study.state == "done"
    assert len(study.store.records(Stage.SEARCH)) == 3
    assert len(study.store.records(Stage.FINALISTS)) == 2
    started = [e for e in bench.events if isinstance(e, TrialStarted)]
    assert {e.stage for e in started} == {Stage.FINALISTS}
    totals = {e.stage: (e.total, e.done) for e in bench.events if isinstance(e, StageStarted)}
    assert totals["search"] == (3, 3)


def test_resuming_without_a_number_keeps_the_last_one(bench: Bench):
    bench.run(bench.space("climb", search={"trials": 2}, **SHORT)).close()
    bench.resume(trials=3).close()
    assert len(bench.resume().store.records(Stage.SEARCH)) == 3


@pytest.mark.parametrize("trials", [0, -1])
def test_a_number_of_trials_has_to_be_positive(bench: Bench, trials):
    bench.run(bench.space("climb", search={"trials": 1}, **SHORT))
    with pytest.raises(InputError, match=f"--trials {trials}: allowed: 1 or more"):
        bench.resume(trials=trials)


def test_a_second_driver_is_refused_while_the_first_runs(bench: Bench):
    refused = []

    def watch(event: object) -> None:
        if isinstance(event, TrialScored) and not refused:
            with pytest.raises(StudyLockedError, match=f"process {os.getpid()}") as caught:
                api.resume("sample", request=INLINE, studies=bench.studies)
            refused.append(caught.value)

    bench.watch = watch
    study = bench.run(bench.space("climb", search={"trials": 2}, **SHORT))
    assert refused
    assert study.state == "done"
    assert bench.resume().state == "done"


def test_a_driver_that_lost_its_lock_stops_writing(bench: Bench, monkeypatch):
    from hpsearch.store.lock import DriverLock

    lost = []
    monkeypatch.setattr(DriverLock, "lost", property(lambda _: bool(lost)))
    bench.watch = lambda event: lost.append(event) if isinstance(event, TrialMeasured) else None
    with pytest.raises(StudyError, match="another driver has taken it over"):
        bench.run(bench.space("climb", search={"trials": 3}, **SHORT))
    assert len(bench.load().store.records(Stage.SEARCH)) == 1


def test_a_driver_goes_on_from_what_another_wrote_while_it_was_starting(bench: Bench, monkeypatch):
    bench.run(bench.space("climb", search={"trials": 2}, **SHORT)).close()
    check, others = driving.check_objective, []

    def slow(*arguments: object) -> None:
        check(*arguments)
        if not others:
            others.append(True)
            bench.resume(trials=4).close()

    monkeypatch.setattr(driving, "check_objective", slow)
    study = bench.resume(trials=5)
    assert [r.state for r in study.store.records(Stage.SEARCH)] == [State.COMPLETE] * 5
    assert len(bench.audited()) == 5


def test_a_study_may_be_moved_and_resumed(bench: Bench):
    study = bench.run(bench.space("Classifier", search={"trials": 2}))
    document = study.document()
    study.close()
    moved = bench.folder / "archive" / "renamed"
    moved.parent.mkdir()
    study.folder.rename(moved)
    again = bench.load(moved)
    assert again.document() == document
    again.close()
    extended = bench.resume(moved, trials=3)
    assert extended.folder == moved
    assert extended.state == "done"
    assert not study.folder.exists()


def test_events_begin_with_the_study_and_its_plan(bench: Bench):
    opened = []
    study = bench.run(bench.space("climb", search={"trials": 2}, **SHORT), opened=opened.append)
    first = bench.events[0]
    assert isinstance(first, StudyOpened)
    assert first.name == "sample"
    assert "2 trials x 1 epoch" in first.plan
    assert opened[0].folder == study.folder


def test_signals_are_handled_as_before_afterwards(bench: Bench):
    import signal

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    bench.run(bench.space("climb", search={"trials": 1}, **SHORT))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_loaded_study_shows_its_trials(bench: Bench):
    bench.run(bench.space("climb", search={"trials": 3}, finalists={"configs": 1, "seeds": 2}, ensemble=None)).close()
    study = hpsearch.load_study(bench.studies / "sample")
    assert list(study.trials.columns) == [
        *("number", "state", "stop_reason", "value", "best_epoch", "epochs", "seconds", "seed", "attempt", "worker"),
        *("error", "why", "params.lr", "params.wd"),
    ]
    assert isinstance(study.trials, pd.DataFrame)
    assert len(study.trials) == 3
    assert list(study.finalists["replicate"]) == [0, 1]
    assert study.best.n == 2
    study.close()
    assert [s.name for s in hpsearch.list_studies(bench.studies)] == ["sample"]


def test_a_study_that_cannot_be_opened_does_not_hide_the_others(bench: Bench):
    bench.run(bench.space("climb", search={"trials": 1}, **SHORT)).close()
    broken = bench.studies / "broken"
    broken.mkdir()
    (broken / "study.json").write_text("{}")
    error, study = api.list_studies(bench.studies)
    assert isinstance(error, InputError)
    assert study.name == "sample"


def test_more_gpus_than_there_are_make_no_study(bench: Bench):
    with pytest.raises(InputError, match="--gpus 1: this machine has 0 visible GPUs"):
        api.run(
            bench.space("climb", **SHORT),
            request=ResourceRequest(executor="inline", gpus=1),
            studies=bench.studies,
        )
    assert not bench.studies.exists()


def test_the_public_surface():
    assert sorted(hpsearch.__all__) == [
        *("HpsearchError", "InputError", "Interrupted", "ResourceRequest", "Study", "StudyError", "TrialStopped"),
        *("list_studies", "load_study", "resume", "run"),
    ]
    assert len(hpsearch.__all__) <= 12
    assert dir(hpsearch) == sorted(hpsearch.__all__)
    for name in hpsearch.__all__:
        assert getattr(hpsearch, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = hpsearch.no_such_name


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, hpsearch; dir(hpsearch);"
        "print([m for m in ('torch', 'ray', 'optuna', 'pandas', 'numpy', 'pydantic') if m in sys.modules]);"
        "print([m for m in sys.modules if m.startswith('hpsearch.')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "[]\n[]\n"


def test_nothing_inside_imports_the_root():
    package = Path(hpsearch.__file__).parent
    offenders = [
        f"{path}:{number}"
        for path in package.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.strip() == "import hpsearch" or any(f"from hpsearch import {name}" in line for name in hpsearch.__all__)
    ]
    assert not offenders


def test_ray_begins_to_start_once_nothing_is_left_to_be_refused(bench: Bench, monkeypatch):
    begun: list[object] = []
    monkeypatch.setattr(session, "begin_executor", lambda *given: begun.append(given))
    with pytest.raises(InputError, match="nonsense"):
        bench.run(bench.space("climb", **SHORT), storage="nonsense://host")
    with pytest.raises(InputError):
        bench.run(bench.space("no_such_objective", **SHORT))
    assert not begun
    bench.run(bench.space("climb", **SHORT))
    assert len(begun) == 1


def test_a_signal_right_after_a_study_was_made_finds_one_that_can_be_resumed(bench: Bench, monkeypatch):
    opened, drive = [], driving.drive

    def interrupted(*arguments: object, **more: object) -> api.Study:
        signal.raise_signal(signal.SIGINT)
        return drive(*arguments, **more)

    monkeypatch.setattr(driving, "drive", interrupted)
    with raising_signals(), pytest.raises(Interrupted):
        bench.run(bench.space("climb", **SHORT), opened=opened.append)
    assert [study.name for study in opened] == ["sample"]
    monkeypatch.undo()
    assert bench.resume("sample").state == "done"
