"""What a budget says: durations, limits, their sections and options; and what a ledger makes of events."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.cli.progress import _plain_line, _View
from hpsearch.config.budget import Limits, Spent, as_overrides, compact_duration, parse_changes, parse_duration
from hpsearch.config.config import DEFAULT_TRIALS, MOST_TRIALS
from hpsearch.driver.goals import check_limits
from hpsearch.driver.ledger import Ledger
from hpsearch.driver.session import Session
from hpsearch.errors import BudgetSpentError, FieldError, InputError
from hpsearch.executors.resources import Resources
from hpsearch.samplers.rounds import first_round
from hpsearch.store.store import Store
from hpsearch.study.study import Study
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import Forecast, StageStarted, TrialMeasured, TrialScored, TrialStarted
from hpsearch.trial.trial import Decision, Measurement, Stage, State, StopReason, TrialRecord
from support.factories import sample_config


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200),
        ("1h 30min", 5400),
        ("1h30m", 5400),
        ("45min", 2700),
        ("90s", 90),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("1d 2h 3min 4s", 93_784),
        (" 2 h ", 7200),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "0h", "2 hours", "1h 2h", "30min 1h", "1h,5min", "-2h", "1:30", "infh"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match=r"is not a duration such as 2h, 1h 30min, 45min, 90s, 1\.5h or 2d"):
        parse_duration(text)


@given(st.integers(1, 10**7))
def test_durations_come_back(seconds):
    assert parse_duration(compact_duration(seconds)) == seconds


def test_a_budget_option_is_a_time_or_names_its_limits():
    assert parse_changes("2h") == {"time_s": 7200.0}
    found = parse_changes("1h 30min, gpu_hours=0.5,epochs=5000,trials=none")
    assert found == {"time_s": 5400.0, "gpu_s": 1800.0, "epochs": 5000, "trials": None}
    assert parse_changes("stop=auto") == {"stop": "auto"}
    assert as_overrides("2h,epochs=none") == ["budget.time=2h", "budget.epochs=null"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2x", "--budget 2x: time is '2x'; allowed: a duration such as 2h"),
        ("", "--budget : time is ''; allowed: a duration"),
        ("gpus=2", "unknown limit 'gpus'; allowed: time, gpu_hours, epochs, trials, stop"),
        ("epoch=2", "did you mean 'epochs'?"),
        ("epochs=1.5", "epochs is '1.5'; allowed: an integer >= 1, or none"),
        ("trials=0", "trials is '0'; allowed: an integer >= 1"),
        ("gpu_hours=nan", "gpu_hours is 'nan'; allowed: a number > 0"),
        ("2h,time=3h", "time is given twice"),
        ("stop=now", "stop is 'now'; allowed: auto, or none"),
    ],
)
def test_a_wrong_budget_option_says_what_is_allowed(text, message):
    with pytest.raises(InputError) as caught:
        parse_changes(text)
    assert message in str(caught.value)


def test_limits_and_what_is_spent_in_words():
    limits = Limits(time_s=7200, gpu_s=8 * 3600, epochs=5000, trials=200)
    assert str(limits) == "2 h, 8 GPU hours, 5,000 epochs, 200 trials"
    assert str(Limits()) == ""
    spent = Spent(time_s=7380, gpu_s=7.9 * 3600, epochs=4812)
    assert str(spent) == "2 h 3 min, 7.9 GPU hours, 4,812 epochs"
    assert str(Spent(time_s=90, epochs=1)) == "1 min 30 s, 1 epoch"
    assert limits.used(spent) == "2 h 3 min of 2 h, 7.9 of 8 GPU hours, 4,812 of 5,000 epochs"
    assert limits.more_than(spent) == "3h4min30s"
    assert limits.doubled == "4h,gpu_hours=16,epochs=10000"


def test_the_section():
    config = sample_config(search={"trials": 9}, budget={"time": "2h", "gpu_hours": 8, "epochs": 50, "trials": 7})
    assert config.budget.limits == Limits(time_s=7200, gpu_s=28_800, epochs=50, trials=7)
    assert (config.search.total, config.search.is_open) == (9, False)
    assert sample_config(budget=None).budget is None


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"time": "2 hours"}, "budget.time: found '2 hours'; allowed: a duration such as 2h"),
        ({"time": 2}, "budget.time: found 2; allowed: a duration"),
        ({"stop": "yes"}, "budget.stop: found 'yes'; allowed: auto, or null"),
        ({"gpu_hours": 0}, "budget.gpu_hours: found 0; allowed: a number > 0"),
        ({"epochs": 1.5}, "budget.epochs: found 1.5; allowed: an integer >= 1"),
        ({"epoch": 2}, "unknown key 'epoch'; allowed: time, gpu_hours, epochs, trials, stop; did you mean 'epochs'?"),
    ],
)
def test_a_wrong_section_says_what_is_allowed(budget, message):
    with pytest.raises(FieldError) as caught:
        sample_config(budget=budget)
    assert message in str(caught.value)


def test_without_a_number_of_trials_only_the_budget_ends_the_search():
    config = sample_config(search={"trials": None}, budget={"time": "2h"})
    assert (config.search.total, config.search.is_open) == (MOST_TRIALS, True)
    assert "trials" not in (config.raw["search"] or {}) or config.raw["search"]["trials"] is None
    usual = sample_config(search={"trials": DEFAULT_TRIALS})
    assert first_round(config).levels == first_round(usual).levels
    few = sample_config(search={"trials": None}, budget={"trials": 9})
    assert first_round(few).levels == first_round(sample_config(search={"trials": 9})).levels
    rounds = [{"trials": 4}, {"trials": 2}]
    assert sample_config(search={"trials": None, "rounds": rounds}, budget={"time": "2h"}).search.total == 6
    assert sample_config(search={"trials": None}, budget={}).search.total == DEFAULT_TRIALS
    assert sample_config(search={"trials": None}, budget={"stop": "auto"}).search.total == DEFAULT_TRIALS
    with pytest.raises(FieldError, match=r"search\.expand: comes after the last trial"):
        sample_config(search={"trials": None, "expand": {}}, budget={"time": "2h"})


def test_a_budget_has_to_end_its_study():
    config = sample_config(search={"trials": None}, budget={"gpu_hours": 8})
    limits = config.budget.limits
    assert check_limits(limits, config, gpus=True) == ""
    with pytest.raises(InputError, match="CPU workers spend none, and nothing else ends the search"):
        check_limits(limits, config, gpus=False)
    with pytest.raises(InputError, match="nothing would end the search"):
        check_limits(Limits(), config, gpus=True)
    assert "limits nothing here" in check_limits(replace(limits, time_s=60), config, gpus=False)
    assert "limits nothing here" in check_limits(limits, sample_config(), gpus=False)


class Desk:
    """A ledger of a study with two slots, and a clock."""

    def __init__(self, folder, budget=None, *, gpu_share=0.0, total=100, **changes):
        small = {"objective": {"epochs": 10}, "search": {"trials": total}, "finalists": None, "ensemble": None}
        self.config = sample_config(**(small | changes))
        self.folder, limits = folder, Limits(**(budget or {})).as_dict()
        attributes = {"rounds": [first_round(self.config).as_dict()], "trials": total, "budget": limits}
        self.store = Store.create(folder, "sample", None, self.config.direction, attributes)
        self.now, self.events, self.gpu_share, self.slots = 0.0, [], gpu_share, 2
        self.open()

    def open(self):
        session = Session(
            study=Study("sample", self.folder, self.config, self.store),
            trials=100,
            resources=Resources(slots=2, text="2 CPU workers"),
            executor=None,
            publish=self.events.append,
            interrupts=Interrupts(),
            check=lambda: None,
            can_predict=True,
        )
        self.ledger = Ledger(session, lambda: self.slots, lambda: self.gpu_share, lambda: self.now)

    def begin(self, number, stage=Stage.SEARCH):
        why = self.ledger.no_room(stage, number, 10)
        if not why:
            self.tell(TrialStarted, number, stage, worker="w", device="cpu")
        return why

    def tell(self, kind, number, stage=Stage.SEARCH, **fields):
        self.ledger.saw(kind(stage=stage, number=number, attempt=1, **fields))

    def epoch(self, number, epoch, passed=1.0, seconds=0.0, stage=Stage.SEARCH):
        self.now += passed
        measurement = Measurement(epoch=epoch, metrics={"score": 1.0}, seconds=seconds)
        self.tell(TrialMeasured, number, stage, measurement=measurement)

    def end(self, number, epochs=10, seconds=0.0, stage=Stage.SEARCH):
        fields = {"reason": StopReason.FINISHED, "value": 1.0, "best_epoch": 1, "best": False}
        self.tell(TrialScored, number, stage, epochs=epochs, seconds=seconds, **fields)

    def trial(self, number, epochs=10, passed=1.0, stage=Stage.SEARCH):
        assert self.begin(number, stage) == ""
        for epoch in range(1, epochs + 1):
            self.epoch(number, epoch, passed, stage=stage)
        self.end(number, epochs, stage=stage)


def test_a_ledger_counts_time_epochs_and_gpu_time(tmp_path):
    desk = Desk(tmp_path, gpu_share=0.5)
    desk.trial(0)
    desk.now += 5
    desk.ledger.check()
    assert desk.ledger.spent == Spent(time_s=15.0, gpu_s=5.0, epochs=10)
    assert desk.store.get("spent") == {"time_s": 15.0, "gpu_s": 5.0}
    desk.now -= 100  # a clock that is set back takes nothing back
    desk.ledger.check()
    desk.now += 2
    desk.ledger.check()
    assert desk.ledger.spent.time_s == 17.0


def test_time_is_stored_every_few_seconds_and_goes_on_from_there(tmp_path):
    desk = Desk(tmp_path)
    for _ in range(9):
        desk.now += 1
        desk.ledger.check()
    assert desk.store.get("spent")["time_s"] == 5.0
    desk.open()
    desk.now += 6
    desk.ledger.check()
    assert desk.ledger.spent.time_s == 11.0


def test_events_that_come_late_and_together_cost_what_the_worker_measured(tmp_path):
    desk = Desk(tmp_path, gpu_share=1.0)
    assert desk.begin(0) == ""
    for epoch in (1, 2, 3):
        desk.epoch(0, epoch, passed=0.0, seconds=2.0)
    assert desk.ledger.spent == Spent(gpu_s=6.0, epochs=3)


def test_the_first_epoch_of_a_worker_is_no_measure_of_the_others(tmp_path):
    desk = Desk(tmp_path, {"time_s": 1000.0}, total=6)
    for number in range(3):
        assert desk.begin(number) == ""
        for epoch in range(1, 11):
            seconds = 60.0 if number == 0 and epoch == 1 else 1.0
            desk.epoch(number, epoch, passed=seconds, seconds=seconds)
        desk.end(number)
    assert desk.ledger.forecast().seconds == pytest.approx(30 / 2)


def test_an_epoch_that_is_trained_again_counts_once(tmp_path):
    desk = Desk(tmp_path)
    assert desk.begin(0) == ""
    for epoch in (1, 2, 1, 2, 3):
        desk.epoch(0, epoch)
    desk.end(0, 3)
    assert desk.ledger.spent.epochs == 3


def test_no_trial_begins_that_would_overrun_the_time(tmp_path):
    desk = Desk(tmp_path, {"time_s": 35.0})
    for number in range(3):
        desk.trial(number)
        desk.ledger.check()
    assert desk.begin(3) == "the budget has no room for another trial (30 s of 35 s)"


def test_trials_that_are_out_hold_their_epochs(tmp_path):
    desk = Desk(tmp_path, {"epochs": 25})
    assert [desk.begin(number) for number in range(2)] == ["", ""]
    assert "no room for another trial (0 of 25 epochs)" in desk.begin(2)


def test_a_first_epoch_that_takes_long_ends_no_search(tmp_path):
    desk = Desk(tmp_path, {"time_s": 100.0})
    assert desk.begin(0) == ""
    desk.epoch(0, 1, passed=60.0)
    desk.ledger.check()
    assert desk.begin(1) == ""


def test_a_trial_that_was_refused_may_begin_when_others_have_ended_early(tmp_path):
    desk = Desk(tmp_path, {"epochs": 15})
    assert desk.begin(0) == ""
    assert "no room" in desk.begin(1)
    desk.epoch(0, 1)
    desk.end(0, 1)
    assert desk.begin(1) == ""
    assert desk.begin(1) == ""  # asked again, it does not stand in its own way


def test_trials_that_are_ended_early_leave_room(tmp_path):
    desk = Desk(tmp_path, {"epochs": 20})
    for number in range(3):
        desk.trial(number, epochs=5)
    assert desk.begin(3) == ""  # five epochs are left: what a trial takes, as far as is known


def test_the_search_leaves_what_finalists_and_ensemble_take(tmp_path):
    desk = Desk(tmp_path, {"time_s": 100.0}, finalists={"configs": 1, "seeds": 3}, ensemble={"members": 2})
    desk.trial(0)
    desk.ledger.check()
    # Two waves of finalists, 10 s each, and two of votes, 1 s each, with a tenth on top; a trial takes 10 s.
    desk.now = 100 - 1.1 * (20 + 2) - 10
    desk.ledger.check()
    assert desk.ledger._why_no_room(Stage.SEARCH, 1, 10) == ""
    desk.now += 0.1
    desk.ledger.check()
    assert "beside the finalists" in desk.begin(1)
    assert desk.begin(0, Stage.FINALISTS) == ""


def test_a_budget_that_is_too_small_is_halved(tmp_path):
    desk = Desk(tmp_path, {"epochs": 40}, finalists={"configs": 2, "seeds": 2})
    desk.trial(0)
    desk.trial(1)
    assert "no room" in desk.begin(2)
    assert len(desk.events) == 1
    assert "too small for 4 finalists x 10 epochs" in desk.events[0].message
    desk.trial(0, stage=Stage.FINALISTS)
    desk.trial(1, stage=Stage.FINALISTS)
    assert "spent" in desk.begin(2, Stage.FINALISTS)


def test_gpu_hours_end_a_study(tmp_path):
    desk = Desk(tmp_path, {"gpu_s": 12.0}, gpu_share=0.5)
    desk.trial(0)
    assert desk.begin(1) == ""
    for epoch in range(1, 11):
        desk.epoch(1, epoch)
    desk.ledger.check()
    desk.epoch(1, 10, passed=4.0)
    with pytest.raises(BudgetSpentError, match=r"0\.0033 of 0\.0033 GPU hours") as caught:
        desk.ledger.check()
    assert caught.value.more == "gpu_hours=0.005"


def test_the_study_ends_when_all_is_spent_but_not_for_a_trial_that_is_through(tmp_path):
    desk = Desk(tmp_path, {"epochs": 10})
    assert desk.begin(0) == ""
    for epoch in range(1, 11):
        desk.ledger.check()
        desk.epoch(0, epoch)
    desk.ledger.check()
    desk.end(0)


def test_the_study_ends_when_its_time_is_over_while_something_is_out(tmp_path):
    timed = Desk(tmp_path, {"time_s": 3.0})
    assert timed.begin(0) == ""
    timed.epoch(0, 1, passed=2.9)
    timed.ledger.check()
    timed.now += 0.2
    with pytest.raises(BudgetSpentError, match=r"is spent before the study is done: 3\.1 s of 3\.0 s"):
        timed.ledger.check()
    timed.end(0)
    timed.ledger.check()  # nothing is out
    timed.ledger.saw(StageStarted(stage="ensemble", total=1, done=0, epochs=0))
    with pytest.raises(BudgetSpentError):
        timed.ledger.check()


def test_the_forecast(tmp_path):
    desk = Desk(tmp_path, total=10, finalists={"configs": 1, "seeds": 2}, gpu_share=1.0)
    for number in range(2):
        desk.trial(number)
    assert desk.ledger.forecast() is None
    desk.trial(2)
    forecast = desk.ledger.forecast()
    assert (forecast.seconds, forecast.gpu_s, forecast.spent) == (pytest.approx((70 + 20) / 2), pytest.approx(90), "")


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [
        ({"time_s": 100.0}, 70 - 11 + 10),  # the search has what the finalists don't need; they may need less
        ({"epochs": 70}, (20 + 20) / 2),
        ({"gpu_s": 72.0}, (42 - 22 + 20) / 2),
        ({"trials": 5}, (20 + 20) / 2),
    ],
)
def test_the_forecast_of_a_search_that_only_the_budget_ends(tmp_path, budget, seconds):
    desk = Desk(tmp_path, budget, total=MOST_TRIALS, finalists={"configs": 1, "seeds": 2}, gpu_share=1.0)
    for number in range(3):
        desk.trial(number)
    desk.ledger.check()
    assert desk.ledger.forecast().seconds == pytest.approx(seconds)
    assert desk.ledger.forecast().gpu_s == pytest.approx(2 * seconds)


@pytest.mark.parametrize(
    ("forecast", "line"),
    [
        (Forecast(seconds=6600), "about 1 h 50 min left"),
        (Forecast(seconds=6600, gpu_s=26_640), "about 1 h 50 min, 7.4 GPU hours left"),
        (Forecast(seconds=6600, spent="10 min of 2 h"), "about 1 h 50 min left; spent 10 min of 2 h"),
        (Forecast(seconds=0.2, gpu_s=3), "almost done"),
    ],
)
def test_a_forecast_in_words_and_in_the_live_view(forecast, line):
    assert str(_plain_line(forecast)) == line
    view = _View(sample_config(), lambda: 0.0)
    view.publish(forecast)
    (shown,) = view.lines(20, 24)
    assert line.split(";")[0] in str(shown)
    assert forecast.spent in str(shown)


def test_a_search_that_only_the_budget_ends_has_no_total():
    started = StageStarted(stage="search", total=None, done=2, epochs=20)
    assert str(_plain_line(started)) == "search: trials x 20 epochs, 2 done"
    view = _View(sample_config(), lambda: 0.0)
    view.publish(started)
    assert str(view.lines(20, 24)[0]) == "search    2 trials  0 epochs  "


def test_an_event_does_not_go_through_all_trials(tmp_path, monkeypatch):
    desk = Desk(tmp_path, {"time_s": 1e6}, total=MOST_TRIALS)

    def walked(*_):
        raise AssertionError

    monkeypatch.setattr(desk.store, "records", walked)
    monkeypatch.setattr("hpsearch.samplers.rounds.planned_epochs", walked)
    for number in range(20):
        desk.trial(number)
        desk.ledger.check()
        desk.ledger.forecast()
    assert desk.ledger.spent == Spent(time_s=200.0, epochs=200)
    assert math.isfinite(desk.ledger.forecast().seconds)


def test_a_resumed_ledger_knows_what_there_was(tmp_path):
    desk = Desk(tmp_path, {"epochs": 30})
    for number in range(2):
        params = {"lr": 0.1, "wd": 0.5}
        record = TrialRecord(stage=Stage.SEARCH, number=number, state=State.RUNNING, params=params, attempt=1)
        desk.store.create_trial(record, desk.config.space)
    history = [Measurement(epoch=epoch, metrics={"score": 1.0}, seconds=2.0) for epoch in range(1, 11)]
    how = {"metric": "score", "worker": "w", "error": None}
    desk.store.end_trial(Stage.SEARCH, 0, Decision(StopReason.FINISHED), history=history, **how)
    desk.store.add_measurement(Stage.SEARCH, 1, history[0], "score")
    desk.open()
    assert desk.ledger.spent.epochs == 11
    assert desk.begin(2) == ""
    assert "no room" in desk.begin(3)  # trial 1 has nine epochs to go, and trial 2 ten
