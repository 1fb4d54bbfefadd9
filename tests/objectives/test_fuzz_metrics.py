"""Whatever an objective yields or reports: its trial ends normally or fails with a reason, and no other is harmed."""

from __future__ import annotations

import json
import math
import pickle
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from hpsearch.executors.base import Workplace
from hpsearch.executors.worker.worker import Worker
from hpsearch.report.tables import study_summary, trial_detail
from hpsearch.trial.events import TrialEnded
from hpsearch.trial.folder import LOG, MANIFEST, read_manifest
from hpsearch.trial.trial import Stage, StopReason
from support.bench import Bench
from support.factories import sample_config, spec
from support.fuzzing import LONGEST_MESSAGE, cases, checked, texts, values
from support.paths import OBJECTIVES

EPOCHS = 3
MANY = 200_000  # metrics of one epoch
LONG = 10_000_000  # characters of a text
ENDS = {StopReason.FINISHED, StopReason.DIVERGED, StopReason.ERROR}


class Raising:
    """A value of which nothing can be had."""

    def __repr__(self) -> str:
        if SCRIPT.steps:  # else Hypothesis asks
            raise ValueError("no text")
        return "Raising()"

    def __float__(self) -> float:
        raise ValueError("no number")

    def item(self) -> float:
        raise OSError("no item")


@dataclass
class Script:
    """What the objective of the next trial does."""

    steps: list[Any]
    way: str = "yield"


SCRIPT = Script([])


def play(config: Mapping[str, Any], trial: Any) -> Iterator[Any]:
    """Return a generator of the script's steps, or report them."""
    if SCRIPT.way == "report":
        for step in SCRIPT.steps:
            trial.report(step)
        return iter(())
    if SCRIPT.way == "return":
        return SCRIPT.steps
    return iter(SCRIPT.steps)


odd = st.one_of(
    values,
    st.floats(width=16).map(np.float16),
    st.sampled_from(
        [
            *(np.int64(3), np.bool_(1), np.array(0.5), np.array([0.5]), np.zeros((2, 2)), np.datetime64("2026-01-01")),
            *(torch.tensor(0.5), torch.tensor([1, 2]), torch.tensor(1j), torch.tensor(math.nan), torch.empty(0)),
            *(
                torch.tensor(0.5, device="meta"),
                Fraction(1, 3),
                Fraction(10**400),
                Decimal("0.1"),
                1j,
                object(),
                Ellipsis,
            ),
            *(Raising(), float, lambda: 0.5, "0.5", b"0.5", np.str_("0.5"), [0.5], {"score": 0.5}, range(3)),
        ]
    ),
)
names = st.one_of(
    st.just("score"), texts, st.sampled_from(["val.loss", "[/red]", "a\nb", "", "epoch", 3, None, (1,), 0.5])
)
usual = st.dictionaries(st.sampled_from(["loss", "epoch", "größe"]), st.floats() | st.integers(-9, 9), max_size=3)
fine = st.builds(lambda rest, score: {**rest, "score": score}, usual, st.floats() | st.integers(-(2**70), 2**70))
metrics = st.one_of(
    fine,
    fine,
    st.builds(lambda good, name, value: {**good, name: value}, fine, names, odd),
    st.dictionaries(names, odd, max_size=4),
    fine.map(MappingProxyType),
    fine.map(lambda one: list(one.items())),
    odd,
)


def is_fine(step: Any) -> bool:
    """Whether a step is a mapping of text to numbers beyond any doubt."""
    return (
        isinstance(step, dict)
        and "score" in step
        and all(type(name) is str and type(value) in (int, float) for name, value in step.items())
    )


@pytest.fixture(scope="module")
def worker() -> Worker:
    objective = sample_config(objective={"python": f"{__name__}:play"}).objective
    return Worker(Workplace(objective=objective, folder=str(OBJECTIVES), module_folder=str(OBJECTIVES)))


def trained(worker: Worker, folder: Path, script: Script) -> TrialEnded:
    """Train a trial that does what a script says, and look at all that it leaves."""
    SCRIPT.steps, SCRIPT.way = script.steps, script.way
    events = list(worker.run(spec(folder, epochs=EPOCHS)))
    SCRIPT.steps = []
    _, *measured, ended = pickle.loads(pickle.dumps(events))  # noqa: S301 - our own, as sent to a driver
    assert isinstance(ended, TrialEnded)
    assert ended.reason in ENDS
    assert len(measured) == ended.measured
    manifest = read_manifest(folder / "attempt-1")
    assert manifest is not None
    assert manifest.reason is ended.reason
    assert repr([m.metrics for m in manifest.measurements]) == repr([one.measurement.metrics for one in measured])
    assert {path.name for path in (folder / "attempt-1").iterdir()} == {MANIFEST, LOG}
    if ended.reason is StopReason.ERROR:
        checked(ended.error or "")
        assert ended.error in manifest.error
    return ended


@cases(150)
@given(steps=st.lists(metrics, max_size=EPOCHS + 1), way=st.sampled_from(("yield", "yield", "report", "return")))
@example(steps=[], way="yield")
@example(steps=[{"score": 0.5}] * (EPOCHS + 1), way="report")
def test_a_trial_ends_or_fails_with_a_reason(worker, tmp_path_factory, steps, way):
    folder = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
    try:
        ended = trained(worker, folder, Script(steps, way))
    finally:
        shutil.rmtree(folder)
    told = steps[:EPOCHS]
    if told and way != "return" and all(map(is_fine, told)):
        assert ended.reason is not StopReason.ERROR, ended.error
        assert ended.measured == len(told)
    if not told:
        assert ended.reason is StopReason.ERROR


HUGE = {
    "a text as the metric": {"score": "x" * LONG},
    "a text beside it": {"score": 1.0, "loss": "x" * LONG},
    "a long name": {"score": 1.0, "x" * LONG: 1.0},
    "a long name without the metric": {"x" * LONG: 1.0},
    "many names": {"score": 1.0, **{f"m{n}": 1.0 for n in range(MANY)}},
    "many names without the metric": {f"m{n}": 1.0 for n in range(MANY)},
    "a huge integer": {"score": 10**4000},
    "a large array": {"score": np.zeros(1_000_000)},
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_metrics_are_refused_in_a_short_line(worker, tmp_path, name):
    ended = trained(worker, tmp_path, Script([HUGE[name]]))
    assert ended.reason is StopReason.ERROR
    written = sum((tmp_path / "attempt-1" / file).stat().st_size for file in (MANIFEST, LOG))
    assert written < 20 * LONGEST_MESSAGE


STEPS = (
    *(
        {},
        {"loss": 1.0},
        {"score": "0.5"},
        {"score": None},
        {"score": [0.5]},
        {"score": 1.0, 3: 1.0},
        0.5,
        None,
        "score",
    ),
    *({"score": 10**400}, {"score": 1j}, {"score": {"mean": 0.5}}, {"score": Raising()}, [("score", 0.5)], b"score"),
    *({"score": np.zeros(2)}, {"score": torch.zeros(2)}, {"score": 0.5, "loss": "low"}, {"score": True}),
    *({"score": math.nan}, {"score": math.inf}, {"score": -math.inf, "loss": 1.0}),
)
GOOD = (
    *(
        {"score": 0.5, "[/red]\x1b[31m\n": 1.0, "": 0.0, "\ud800": 1},
        {"score": torch.tensor(0.5)},
        {"score": np.float32(0.5)},
    ),
    *({"score": 0.5, "loss": 1e308}, MappingProxyType({"score": Fraction(1, 2)}), {"score": 0.5, "epoch": -1}),
)


def by_number(config: Mapping[str, Any], trial: Any) -> Iterator[Any]:
    """Yield something good in even trials, and something bad in odd ones."""
    good, which = trial.number % 2 == 0, trial.number // 2
    yield GOOD[which % len(GOOD)] if good else STEPS[which]


@pytest.mark.slow
def test_a_study_goes_on_past_all_of_them_and_can_be_shown(bench: Bench):
    count = 2 * len(STEPS)
    space = bench.space(
        objective={"python": f"{__name__}:by_number", "epochs": 1},
        search={"trials": count, "sampler": "random"},
        finalists=None,
        ensemble=None,
    )
    study = bench.run(space)
    records = study.store.records(Stage.SEARCH)
    assert [r.value for r in records[::2]] == [0.5] * len(STEPS)
    assert {r.stop_reason for r in records[::2]} == {StopReason.FINISHED}
    assert [r.stop_reason for r in records[1:-6:2]] == [StopReason.ERROR] * (len(STEPS) - 3)
    assert [r.stop_reason for r in records[-5::2]] == [StopReason.DIVERGED] * 3
    assert all(checked(r.error) for r in records[1:-6:2])
    json.dumps(study.document(), allow_nan=False)
    assert len(study.trials) == count
    console = Console(width=80, file=tempfile.TemporaryFile("w+"))  # noqa: SIM115 - nobody reads it
    console.print(study_summary(study))
    for number in range(count):
        console.print(trial_detail(study, number))
    with suppress(OSError):
        console.file.close()
