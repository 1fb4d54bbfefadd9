"""Studies whose epochs lack the metric, or have others that are infinite."""

from __future__ import annotations

import math

import pytest
from rich.console import Console

from hpsearch.errors import StudyError
from hpsearch.report.tables import trial_detail
from hpsearch.trial.events import TrialMeasured
from hpsearch.trial.folder import read_manifest
from hpsearch.trial.trial import Stage
from support.bench import Bench, Stop, results

EVERY = """
import math
def train(config, trial):
    trial.load_checkpoint()
    for epoch in trial.epochs():
        trial.save_checkpoint({"epoch": epoch})
        norm = {1: math.inf, 2: -math.inf, 3: math.nan}.get(epoch, 1.0)
        metrics = {"loss": 1 / epoch, "norm": norm, "note": None}
        yield metrics | ({"score": config["lr"] * epoch} if epoch % EVERY == 0 else {})
"""
GAPS = "epoch 1 has 'loss', 'norm', and no 'score'; such an epoch counts as trained, and the metric counts where it is"


def run(bench: Bench, name: str, every: int = 5, **changes: object):
    """Run a study that measures its metric every few epochs."""
    (bench.folder / f"{name}.py").write_text(EVERY.replace("EVERY", str(every)))
    objective = {"python": f"{name}:train", "epochs": 20}
    rest = {"space": {"lr": {"uniform": [0.1, 1.0]}}, "finalists": None, "ensemble": None}
    return bench.run(bench.space(objective=objective, **{**rest, **changes}))


def test_the_metric_counts_where_it_is(bench: Bench):
    study = run(bench, "gaps", search={"trials": 3}, prune={"stall": {"patience": 6}})
    for record in study.store.records(Stage.SEARCH):
        assert (record.stop_reason, record.best_epoch, record.epochs) == ("finished", 20, 20)
        assert [e for e, value in record.values.items() if math.isfinite(value)] == [5, 10, 15, 20]
        assert read_manifest(study.folder / f"trials/{record.number:05d}/attempt-1").best.epoch == 20
    assert [text for text in bench.notices() if "has" in text] == [f"trial 0: {GAPS}"]
    console = Console(width=120)
    with console.capture() as captured:
        console.print(trial_detail(study, 1))
    shown = " ".join(captured.get().split())
    for line in ("1 - 1.0000 inf", "2 - 0.5000 -inf", "3 - 0.3333 nan", "4 - 0.2500 1.0000"):
        assert line in shown


@pytest.mark.parametrize(
    "rule",
    [
        {"prune": {"asha": {"first": 2}}},
        {"prune": {"median": {"warmup": 2, "min_trials": 2}}},
        {"prune": {"screen": {"epochs": 2, "keep": 3}}},
        {"search": {"trials": 9, "sampler": "auto"}, "prune": "auto"},
    ],
    ids=str,
)
def test_rules_compare_rivals_once_there_is_a_value(bench: Bench, rule):
    study = run(bench, "rivals", **{"search": {"trials": 9}, **rule})
    records = study.store.records(Stage.SEARCH)
    assert max(record.params["lr"] for record in records) == study.best.config["lr"]
    ended = [record for record in records if record.stop_reason == "outclassed"]
    assert ended
    assert all(record.best_epoch and record.epochs < 20 for record in ended)
    assert {record.stop_reason.value for record in records} <= {"outclassed", "finished"}


@pytest.mark.parametrize("at", [3, 8, 13, 31])
def test_a_search_with_gaps_comes_out_the_same_after_a_kill(bench: Bench, at):
    asha = {"search": {"trials": 9}, "prune": {"asha": {"first": 2}}}
    expected = results(run(bench, "killed", **asha))
    bench.stop_at(TrialMeasured, at)
    with pytest.raises(Stop):
        run(bench, "killed", **asha)
    bench.watch = lambda _: None
    assert results(bench.resume("sample-2")) == expected


def test_a_metric_that_is_named_ends_a_trial(bench: Bench):
    prune = {"diverged": ["norm", "nrom", "loss"]}
    with pytest.raises(StudyError, match="2 diverged"):
        run(bench, "named", every=1, search={"trials": 2}, prune=prune)
    first, _ = bench.load().store.records(Stage.SEARCH)
    assert (first.stop_reason, first.epochs, first.why) == ("diverged", 1, "epoch 1: norm was inf")


def test_a_name_that_no_epoch_has_is_told(bench: Bench):
    prune = {"diverged": ["lossy"]}
    study = run(bench, "unseen", every=1, search={"trials": 2}, prune=prune, finalists={"configs": 1, "seeds": 2})
    assert [record.stop_reason for record in study.store.records(Stage.SEARCH)] == ["finished"] * 2
    told = "prune.diverged: no epoch of trial 0 had 'lossy', so it ends no trial; did you mean 'loss'?"
    assert [text for text in bench.notices() if "diverged" in text] == [told]


def test_a_metric_that_never_comes_is_an_error(bench: Bench):
    said = "the objective yielded 'loss', 'norm', 'score', in no epoch the study's metric 'lose'; did you mean 'loss'?"
    with pytest.raises(StudyError, match="the first 2 trials failed with the same error"):
        run(bench, "never", metric="lose", search={"trials": 2})
    for record in bench.load().store.records(Stage.SEARCH):
        assert (record.stop_reason, record.error, record.epochs) == ("error", f"ObjectiveError: {said}", 19)
