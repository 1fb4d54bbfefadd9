"""Studies with `budget: {stop: auto}`: when they end, what a kill and a resume make of that."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from hpsearch.driver.proposals import Proposals
from hpsearch.report.summary import study_summary
from hpsearch.trial.events import Notice, TrialScored
from hpsearch.trial.trial import Stage, State
from support.bench import Stop, results

STOP = {"budget": {"stop": "auto"}, "ensemble": None}
WORDS = r"the next 10 full trainings are expected to bring [\d.e-]+, less than a seed's noise, [\d.e-]+"


def flat(bench, *, stop: str | None = "auto", **changes):
    """Return a space file whose configs differ by less than seeds do."""
    given = {"objective": {"epochs": 9}, "search": {"trials": 40}, "prune": None, "finalists": None, "ensemble": None}
    return bench.space("plateau", **{**given, "budget": {"stop": stop}, **changes})


def shown(study) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(study_summary(study))
    return capture.get()


def test_a_search_ends_when_going_on_is_worth_less_than_the_noise(bench):
    study = bench.run(flat(bench, finalists={"configs": 2, "seeds": 2}))
    assert (study.state, len(study.store.records(Stage.SEARCH)), study.store.get("search_end")) == ("done", 20, 20)
    (notice,) = [message for message in bench.notices() if "seed's noise" in message]
    assert re.fullmatch(rf"{WORDS}; the search ends with 20 trials", notice)
    assert len(study.store.records(Stage.FINALISTS)) == 4
    text = shown(study)
    assert "20 of 20: 20 finished; going on was not worth it" in text
    assert re.search(rf"going on +{WORDS}: enough", text)
    assert "--trials 40" in text
    told = study.document()["going_on"]
    assert (told["trials"], told["by"], told["enough"]) == (20, "curves", True)
    assert 0 <= told["gain"] < told["noise"]


def test_it_is_off_by_default_and_said_all_the_same(bench):
    study = bench.run(flat(bench, stop=None))
    assert (len(study.store.records(Stage.SEARCH)), study.store.get("search_end")) == (40, None)
    assert re.search(rf"going on +{WORDS}: enough", shown(study))


def test_a_search_that_still_finds_better_configs_goes_on(bench):
    study = bench.run(bench.space("climb", objective={"epochs": 6}, search={"trials": 40}, finalists=None, **STOP))
    assert (len(study.store.records(Stage.SEARCH)), study.store.get("search_end")) == (40, None)
    assert study.document()["going_on"]["enough"] is False


@pytest.mark.parametrize("prune", [None, "auto"])
@pytest.mark.parametrize("count", [7, 19])
def test_a_killed_search_ends_at_the_same_place(bench, prune, count):
    path = flat(bench, prune=prune, search={"trials": 120})
    whole = bench.run(path, name="whole")
    bench.stop_at(TrialScored, count)
    with pytest.raises(Stop):
        bench.run(path, name="killed")
    bench.watch = lambda _: None
    resumed = bench.resume("killed")
    assert resumed.store.get("search_end") == whole.store.get("search_end") is not None
    assert results(resumed) == results(whole)
    assert resumed.store.get("enough") == whole.store.get("enough")


@pytest.mark.parametrize("when", ["before the end is stored", "after it"])
def test_a_decision_outlives_its_driver(bench, monkeypatch, when):
    def watch(event):
        if isinstance(event, Notice) and "seed's noise" in event.message:
            raise Stop

    def end(self, count):
        raise Stop

    bench.watch = watch
    path = flat(bench)
    with monkeypatch.context() as patch:
        if when == "before the end is stored":
            patch.setattr(Proposals, "end", end)
        with pytest.raises(Stop):
            bench.run(path)
    bench.watch = lambda _: None
    study = bench.resume()
    assert (study.state, len(study.store.records(Stage.SEARCH)), study.store.get("trials")) == ("done", 20, 20)


def test_a_resume_with_more_trials_goes_on_to_all_of_them(bench):
    bench.run(flat(bench))
    assert len(bench.resume().store.records(Stage.SEARCH)) == 20
    study = bench.resume(trials=30)
    assert (study.state, len(study.store.records(Stage.SEARCH)), study.store.get("search_end")) == ("done", 30, None)
    assert "going on was not worth it" not in shown(study)


def test_the_command_line_sets_and_lifts_it(bench):
    bench.run(flat(bench, stop=None, search={"trials": 30}), budget="stop=auto")
    assert len(bench.load().store.records(Stage.SEARCH)) == 20
    study = bench.resume(budget="stop=none")
    assert (len(study.store.records(Stage.SEARCH)), study.limits.stop) == (30, None)


def test_a_search_in_rounds_is_judged_in_its_last_round(bench):
    path = flat(bench, search={"trials": None, "rounds": [{"trials": 25}, {"trials": 40}]})
    study = bench.run(path)
    assert len(study.store.records(Stage.SEARCH)) == 45
    assert study.store.get("enough")["trials"] == 20


def test_the_model_of_sampler_auto_says_when(bench):
    study = bench.run(flat(bench, prune="auto", search={"sampler": "auto", "trials": 200}))
    records = study.store.records(Stage.SEARCH)
    assert study.store.get("search_end") == len(records) < 200
    assert all(record.state is not State.RUNNING for record in records)
    assert study.store.get("enough")["by"] == study.document()["going_on"]["by"] == "model"
    spent = sum(record.epochs for record in records)
    assert max(records, key=lambda record: max(record.values.values())).eligible  # what led was trained to its end
    assert 10 * 9 <= spent < 200 * 9 / 4
