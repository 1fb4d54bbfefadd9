"""Studies with a budget, run for real: what they train within it, what a resume does with more, what a kill loses."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hpsearch import api
from hpsearch.driver import driving, pipeline
from hpsearch.errors import BudgetSpentError, InputError
from hpsearch.store.store import Store
from hpsearch.trial.events import Event, Forecast, StudyOpened, TrialMeasured, TrialScored, TrialStarted
from hpsearch.trial.trial import Stage
from support.bench import Bench, Stop, results
from support.waiting import wait_until

OPEN = {"search": {"trials": None}, "ensemble": None}


class Clock:
    """Each epoch takes so many seconds."""

    def __init__(self, made: Bench) -> None:
        self.now, self.epoch_s, self.finalist_epoch_s = 0.0, 10.0, 10.0
        made.watch = self.saw

    def saw(self, event: Event) -> None:
        if isinstance(event, TrialMeasured):
            self.now += self.epoch_s if event.stage is Stage.SEARCH else self.finalist_epoch_s


@pytest.fixture
def clock(bench, monkeypatch):
    made = Clock(bench)
    monkeypatch.setattr(pipeline, "CLOCK", lambda: made.now)
    return made


def counts(study) -> tuple[int, int]:
    return len(study.store.records(Stage.SEARCH)), len(study.store.records(Stage.FINALISTS))


def test_a_search_without_a_number_of_trials_goes_on_until_the_epochs_are_spent(bench):
    study = bench.run(bench.space("climb", budget={"epochs": 20}, **OPEN))
    assert (study.state, counts(study)) == ("done", (6, 4))  # 12 epochs, and 8 of the finalists
    assert len(bench.audited()) == 20
    assert study.document()["budget"] == {
        "limits": {"time_s": None, "gpu_s": None, "epochs": 20, "trials": None, "stop": None},
        "spent": {"time_s": pytest.approx(0, abs=60), "gpu_s": 0, "epochs": 20},
        "ended_search": True,
    }
    why = "the budget has no room for another trial beside the finalists (12 of 20 epochs)"
    assert f"{why}; the search ends with 6 trials" in bench.notices()
    (plan,) = [event.plan for event in bench.events if isinstance(event, StudyOpened)]
    trained = "as many trials x 2 epochs as fit + 4 finalists x 2 epochs"
    assert plan == f"{trained} on 1 CPU worker, in this process within 20 epochs"
    assert {event.spent for event in bench.events if isinstance(event, Forecast)} >= {"12 of 20 epochs"}


def test_whichever_comes_first_ends_the_search(bench):
    study = bench.run(bench.space("climb", search={"trials": 3}, budget={"epochs": 100, "trials": 50}, ensemble=None))
    assert (study.state, counts(study), study.store.get("search_end")) == ("done", (3, 4), None)
    path = bench.space("climb", search={"trials": 9}, budget={"trials": 2}, finalists=None, ensemble=None)
    fewer = bench.run(path, name="fewer")
    assert (fewer.state, counts(fewer), fewer.store.get("trials")) == ("done", (2, 0), 2)
    assert "the budget is 2 trials; the search ends with 2 trials" in bench.notices()


def test_search_and_finalists_fit_into_the_time(bench, clock):
    study = bench.run(bench.space("climb", budget={"time": "200s"}, **OPEN))
    # Finalists take 80 s, held with a tenth on top, so that the last trial begins before 92 s.
    assert (study.state, counts(study)) == ("done", (5, 4))
    assert clock.now == 180
    assert study.store.get("spent")["time_s"] == 180


def test_a_resumed_study_searches_on_only_with_more_budget(bench):
    path = bench.space("climb", budget={"epochs": 16}, **OPEN)
    study = bench.run(path)
    assert counts(study) == (4, 4)
    before, trained = results(study), len(bench.audited())
    assert results(bench.resume()) == before
    assert results(bench.resume(budget="epochs=16")) == before
    assert results(bench.run(path, name="sample", resume=True, budget="epochs=16")) == before
    assert len(bench.audited()) == trained
    bench.events.clear()
    more = bench.resume(budget="epochs=40")
    assert more.state == "done"
    assert more.store.get("budget")["epochs"] == 40
    assert len(more.store.records(Stage.SEARCH)) > 4
    assert len(bench.audited()) <= 40
    assert results(more)[:4] == before[:4]
    assert results(bench.run(path, name="sample", resume=True, budget="epochs=40")) == results(more)
    assert not [notice for notice in bench.notices() if "has changed since" in notice]


def test_an_extended_study_is_the_one_with_that_budget_from_the_start(bench):
    path = bench.space("climb", finalists=None, **OPEN, budget={"epochs": 6})
    bench.run(path)
    extended = bench.resume(budget="epochs=14")
    at_once = bench.run(path, name="at-once", budget="epochs=14")
    assert results(extended) == results(at_once)
    assert len(results(at_once)) == 7


@pytest.mark.parametrize("count", [3, 6, 8])
def test_killed_anywhere_it_is_the_same_study(bench, count):
    path = bench.space("climb", budget={"epochs": 20}, **OPEN)
    whole = results(bench.run(path, name="whole"))
    stage = Stage.SEARCH if count <= 6 else Stage.FINALISTS
    bench.stop_at(TrialScored, count if count <= 6 else count - 6, stage)
    with pytest.raises(Stop):
        bench.run(path, name="killed")
    bench.watch = lambda _: None
    assert results(bench.resume("killed")) == whole


@pytest.mark.parametrize("key", ["search_end", "trials"])
def test_killed_while_the_end_of_the_search_is_stored(bench, monkeypatch, key):
    path = bench.space("climb", budget={"epochs": 6}, finalists=None, **OPEN)
    put = Store.put

    def dying(store: Store, name: str, value: object) -> None:
        put(store, name, value)
        if name == key and value == 3:
            raise Stop

    monkeypatch.setattr(Store, "put", dying)
    with pytest.raises(Stop):
        bench.run(path)
    monkeypatch.setattr(Store, "put", put)
    study = bench.resume()
    assert (study.state, counts(study), study.store.get("trials")) == ("done", (3, 0), 3)


def test_when_all_is_spent_the_study_stops_and_can_go_on(bench, clock):
    clock.finalist_epoch_s = 60.0  # the finalists take longer than the search has shown
    path = bench.space("climb", budget={"time": "200s"}, **OPEN)
    with pytest.raises(BudgetSpentError, match="spent before the study is done: 3 min 40 s of 3 min 20 s") as caught:
        bench.run(path)
    assert caught.value.more == "5min30s"
    stopped = bench.load()
    assert (stopped.state, counts(stopped)) == ("unfinished", (5, 1))
    assert stopped.store.get("spent")["time_s"] == 220
    bench.events.clear()
    with pytest.raises(BudgetSpentError):
        bench.resume()
    assert not [event for event in bench.events if isinstance(event, TrialStarted)]
    study = bench.resume(budget="20min,trials=7")
    assert study.state == "done"
    assert len(bench.audited()) == len(set(bench.audited()))
    assert {r.epochs for r in study.store.records(Stage.FINALISTS)} == {2}


def test_a_budget_that_is_too_small_for_all_finalists_trains_those_that_fit(bench):
    study = bench.run(bench.space("climb", budget={"epochs": 9}, **OPEN))
    assert (study.state, counts(study)) == ("done", (2, 2))
    assert any("too small for 4 finalists x 2 epochs" in notice for notice in bench.notices())
    assert any("the finalists end with the first 2 of 4" in notice for notice in bench.notices())
    assert (study.best.n, study.best.trial) == (2, max(study.store.records(Stage.SEARCH), key=lambda r: r.value).number)
    before = results(study)
    assert results(bench.resume()) == before
    more = bench.resume(budget="epochs=13,trials=2")
    assert (more.state, counts(more)) == ("done", (2, 4))


def test_without_room_for_any_finalist_the_best_search_trials_vote(bench, clock):
    clock.epoch_s = 30.0
    path = bench.space(budget={"time": "70s"}, search={"trials": None}, finalists={"configs": 2, "seeds": 2})
    study = bench.run(path)
    assert (study.state, counts(study)) == ("done", (1, 0))
    assert study.store.get("ensemble")["members"]
    assert study.best.n == 0


def test_a_space_that_is_used_up_ends_a_search_that_only_the_budget_would_end(bench):
    space = {"lr": {"choice": [0.1, 0.2, 0.3]}, "wd": 0.5}
    path = bench.space("climb", budget={"epochs": 1000}, space=space, finalists=None, **OPEN)
    study = bench.run(path)
    assert (study.state, counts(study), study.store.get("search_end")) == ("done", (3, 0), None)


@pytest.mark.parametrize(("gpus", "gpu_hours", "gpu_s"), [(0.5, 0.01, 30), (2.0, 0.04, 120)])
def test_gpu_hours_are_trials_times_their_gpus(bench, clock, monkeypatch, gpus, gpu_hours, gpu_s):
    def with_gpus(session):
        return replace(session, resources=replace(session.resources, gpus_per_slot=gpus))

    run = pipeline.run_pipeline
    monkeypatch.setattr(driving, "run_pipeline", lambda session: run(with_gpus(session)))
    path = bench.space("climb", budget={"gpu_hours": gpu_hours, "epochs": 100}, finalists=None, **OPEN)
    study = bench.run(path)
    assert (study.state, counts(study)) == ("done", (3, 0))  # 20 s each, times their GPUs
    assert study.store.get("spent")["gpu_s"] == gpu_s
    assert "budget.gpu_hours limits nothing here: CPU workers spend no GPU hours" in bench.notices()


def test_a_search_that_nothing_would_end_is_refused_and_leaves_nothing(bench):
    with pytest.raises(InputError, match="nothing else ends the search"):
        bench.run(bench.space("climb", budget={"gpu_hours": 1}, **OPEN))
    assert not bench.studies.exists()
    bench.run(bench.space("climb", budget={"epochs": 2}, finalists=None, **OPEN))
    with pytest.raises(InputError, match="nothing would end the search"):
        bench.resume(budget="epochs=none")
    assert bench.load().store.get("budget")["epochs"] == 2


def test_what_is_spent_survives_a_kill(bench, clock):
    path = bench.space("climb", budget={"time": "1000s"}, search={"trials": 6}, finalists=None, ensemble=None)

    def killed(event: Event) -> None:
        clock.saw(event)
        if isinstance(event, TrialMeasured) and clock.now == 70:
            raise Stop

    bench.watch = killed
    with pytest.raises(Stop):
        bench.run(path)
    assert bench.load().store.get("spent")["time_s"] == 60  # the last epoch's is lost
    bench.watch = clock.saw
    study = bench.resume()
    assert (study.state, study.store.get("spent")["time_s"]) == ("done", 60 + 50)


@pytest.mark.slow
def test_the_command(cli, space_file):
    space_file(objective={"epochs": 2}, search={"trials": None}, ensemble=None)
    run = ("run", "sample.yaml", "--executor", "inline", "--budget")
    done = cli.run_warm(*run, "epochs=16, 2h")
    assert "as fit + 4 finalists x 2 epochs on 1 CPU worker, in this process within 2 h, 16 epochs" in done.stderr
    assert "no room for another trial beside the finalists" in done.stderr
    assert "of 2 h, 8 of 16 epochs" in done.stderr
    shown = " ".join(cli.run_warm("show", "sample").stdout.split())
    assert "trials 4 of 4: 4 finished; the budget ended the search" in shown
    assert "16 epochs (budget: 2 h, 16 epochs)" in shown
    assert "hpsearch resume sample --budget 4h,epochs=32" in shown
    assert json.loads(cli.run_warm("show", "sample", "--json").stdout)["budget"]["spent"]["epochs"] == 16
    refused = cli.run_warm(*run, "2 hours", code=2)
    assert "error: --budget 2 hours: time is '2 hours'; allowed: a duration such as 2h" in refused.stderr
    stopped = cli.run_warm(*run, "1s", "--name", "short", code=1, SAMPLE_EPOCH_S="0.8")
    assert "error: the budget is spent before the study is done" in stopped.stderr
    assert "all ended trials are kept. To go on: hpsearch resume short --budget " in stopped.stderr


@pytest.mark.slow
def test_what_a_killed_command_has_spent_is_counted(cli, space_file):
    space_file(objective={"epochs": 50}, search={"trials": 1}, finalists=None, ensemble=None)
    process = cli.start_warm(
        "run", "sample.yaml", "--executor", "inline", "--budget", "1h", SAMPLE_EPOCH_S="0.2", SAMPLE_HOLD="32"
    )
    wait_until(lambda: len(cli.audited()) >= 32 or process.poll() is not None, 120, "32 epochs")
    process.kill()
    process.communicate()
    killed = api.load_study(cli.folder / "studies/sample")
    spent = killed.store.get("spent")["time_s"]
    killed.close()
    assert spent >= 5
    cli.run_warm("resume", "sample", "--executor", "inline")
    study = api.load_study(cli.folder / "studies/sample")
    assert study.document()["budget"]["spent"]["time_s"] >= spent
    assert study.document()["budget"]["spent"]["epochs"] == 50
    study.close()
