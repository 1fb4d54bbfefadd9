"""What to tell a sampler of trials that were stopped early: the truncated value, a failure, or a projected final value.

    uv run python benchmarks/told.py
    uv run python benchmarks/told.py --data DIR    # the LCBench surrogate in DIR/lcbench; needs onnxruntime

One worker, one trial after another. A sampler proposes, and a rule stops trials: `median` after each epoch from a ninth
of the epochs on if the best so far is below the median of the earlier trials there (after five trials), `halving` at a
ninth and a third of the epochs if it is not among the best third of those that got there. An epoch costs one unit. The
regret is that of the best trial that went to its end: 0 is the best of 3,000 random configs, 100 the median one.

The three tellings get the same tasks and seeds. In brackets: the mean difference from `truncated`, with its interval.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpsearch.samplers import GpSampler, Past, RandomSampler, SpaceSampler, TpeSampler
from hpsearch.samplers.past import told
from hpsearch.space.parsing import parse_space
from hpsearch.space.space import Space
from hpsearch.trial.seeding import unit
from hpsearch.trial.trial import Direction, Params, Stage, State, StopReason, TrialRecord

_TASKS = (3945, 34539, 126025, 146212, 167104, 167168, 167190, 168329, 168908, 189862, 189906, 189908)
_BUDGETS = (10, 20)
_RANDOM = 3000
_AT_ONCE = 50  # configs; the surrogate takes a MB for each
_START_UP, _SHARE = 5, 3
_UP = Direction.MAXIMIZE
_TELLINGS = ("truncated", "failed", "projected")
_RULES = ("median", "halving")
_SAMPLERS: Mapping[str, type[SpaceSampler]] = {"tpe": TpeSampler, "gp": GpSampler}

Curves = Callable[[Sequence[Mapping[str, Any]]], list[list[float]]]


@dataclass(frozen=True, slots=True)
class Task:
    """What is searched.

    Attributes:
        epochs: The full length.
        curves: Returns the accuracies of configs by epoch.
        best: Of many random configs.
        middle: Their median.
    """

    name: str
    space: Space
    epochs: int
    curves: Curves
    best: float
    middle: float

    @classmethod
    def of(cls, name: str, raw: Mapping[str, Any], epochs: int, curves: Curves) -> Task:
        """Return a task whose scale is found with random configs."""
        space = parse_space(raw)
        sampler = RandomSampler(space, 0)
        configs = [space.config_of(sampler.draw(at)) for at in range(_RANDOM)]
        finals = [max(curve) for at in range(0, _RANDOM, _AT_ONCE) for curve in curves(configs[at : at + _AT_ONCE])]
        return cls(name, space, epochs, curves, max(finals), statistics.median(finals))

    def regret(self, value: float) -> float:
        """Return 0 for the best random config's value, and 100 for the median one's."""
        return 100 * min(1.0, (self.best - value) / (self.best - self.middle))


def simulated(seed: int) -> Task:
    """Return a task whose curves cross: the lower the learning rate, the slower, and the best one is low."""
    epochs = 27
    raw = {
        "lr": {"loguniform": [1e-4, 1.0]},
        "weight_decay": {"loguniform": [1e-6, 1e-1]},
        "dropout": {"uniform": [0.0, 0.8]},
        "width": {"lograndint": [16, 512]},
    }
    best_lr, best_decay = -3.2 + unit(seed, "lr"), -4 + 2 * unit(seed, "decay")

    def curve(config: Mapping[str, Any]) -> list[float]:
        lr = math.log10(config["lr"])
        off = ((lr - best_lr) / 0.8) ** 2 + ((math.log10(config["weight_decay"]) - best_decay) / 1.5) ** 2
        off += ((config["dropout"] - 0.3) / 0.5) ** 2 + (math.log(config["width"] / 128) / 2) ** 2
        final = 0.1 + 0.8 / (1 + off / 2)
        rate = 3 / epochs * 10 ** (0.5 * (lr + 3))  # at lr 1e-3 a trial comes within 5 % of its end
        return [0.1 + (final - 0.1) * -math.expm1(-rate * epoch) for epoch in range(1, epochs + 1)]

    return Task.of(f"simulated {seed}", raw, epochs, lambda configs: [curve(config) for config in configs])


def lcbench(folder: Path) -> list[Task]:
    """Return the tasks of the LCBench surrogate.

    Raises:
        SystemExit: The folder lacks its files.
    """
    import numpy as np
    import onnxruntime

    model = folder / "lcbench" / "model.onnx"
    if not model.is_file():
        raise SystemExit(f"--data {folder}: has no lcbench/model.onnx; allowed: a folder with the LCBench surrogate")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(str(model), options)
    codes = json.loads((folder / "lcbench" / "encoding.json").read_text(encoding="utf-8"))["OpenML_task_id"]
    raw = {
        "batch_size": {"lograndint": [16, 512]},
        "learning_rate": {"loguniform": [1e-4, 1e-1]},
        "momentum": {"uniform": [0.1, 0.99]},
        "weight_decay": {"uniform": [1e-5, 1e-1]},
        "num_layers": {"randint": [1, 5]},
        "max_units": {"lograndint": [64, 1024]},
        "max_dropout": {"uniform": [0.0, 1.0]},
    }
    epochs = 52

    def curves(task: str) -> Curves:
        def of(configs: Sequence[Mapping[str, Any]]) -> list[list[float]]:
            rows = [[epoch, *(one[name] for name in raw)] for one in configs for epoch in range(1, epochs + 1)]
            code = np.full((len(rows), 1), codes[task], np.int32)
            (out, *_) = session.run(None, {"x_cat": code, "x_cont": np.array(rows, np.float32)})
            found: list[list[float]] = out[:, 1].reshape(len(configs), epochs).astype(float).tolist()
            return found

        return of

    return [Task.of(task, raw, epochs, curves(task)) for task in map(str, _TASKS)]


def rungs(rule: str, epochs: int) -> range | tuple[int, ...]:
    """Return the epochs at which a rule looks."""
    first = max(2, round(epochs / 9))
    return range(first, epochs) if rule == "median" else (first, round(epochs / 3))


def stopped_at(rule: str, curve: Sequence[float], earlier: Sequence[TrialRecord]) -> int:
    """Return the epoch at which a rule stops a trial, which may be its last.

    Args:
        rule: Its name.
        curve: The trial's, to its end.
        earlier: Trials with the values up to the epochs where they were stopped.
    """
    for epoch in rungs(rule, len(curve)):
        best = max(curve[:epoch])
        rivals = [max(one.values[e] for e in range(1, epoch + 1)) for one in earlier if one.epochs >= epoch]
        if rule == "median" and len(rivals) >= _START_UP and best < statistics.median(rivals):
            return epoch
        if rule == "halving" and sum(rival >= best for rival in rivals) >= max(1, (len(rivals) + 1) // _SHARE):
            return epoch
    return len(curve)


def past_of(telling: str, records: Sequence[TrialRecord], epochs: int) -> list[Past]:
    """Return what the sampler is told."""
    if telling == "projected":
        return told(records, _UP, lambda _: epochs)
    past = [Past.of(record) for record in records]
    if telling == "failed":
        return past
    return [replace(one, value=record.value) for one, record in zip(past, records, strict=True)]


def search(task: Task, sampler: SpaceSampler, rule: str, telling: str, budgets: Sequence[int]) -> list[float]:
    """Return the regret at each budget, in full trainings."""
    records: list[TrialRecord] = []
    spent, best = 0, -math.inf
    regrets: list[float] = []
    while len(regrets) < len(budgets):
        params = sampler.propose(len(records), past_of(telling, records, task.epochs), _UP)
        record = _trained(task, rule, params, records)
        while len(regrets) < len(budgets) and spent + record.epochs > budgets[len(regrets)] * task.epochs:
            regrets.append(task.regret(best))
        spent += record.epochs
        best = max(best, record.value if record.eligible and record.value is not None else -math.inf)
        records.append(record)
    return regrets


def _trained(task: Task, rule: str, params: Params, earlier: Sequence[TrialRecord]) -> TrialRecord:
    (curve,) = task.curves([task.space.config_of(params)])
    epochs = stopped_at(rule, curve, earlier)
    reason = StopReason.FINISHED if epochs == task.epochs else StopReason.OUTCLASSED
    return TrialRecord(
        stage=Stage.SEARCH,
        number=len(earlier),
        state=State.COMPLETE if reason is StopReason.FINISHED else State.PRUNED,
        params=params,
        values=dict(enumerate(curve[:epochs], 1)),
        value=max(curve[:epochs]),
        stop_reason=reason,
        epochs=epochs,
    )


def cell(values: Sequence[float], first: Sequence[float]) -> str:
    """Return the mean, and its difference from that of the first telling with a 95 % interval, by pairs of studies."""
    mean = f"{statistics.fmean(values):.1f}"
    if values == first or len(values) == 1:
        return mean
    less = [value - other for value, other in zip(values, first, strict=True)]
    error = statistics.stdev(less) / math.sqrt(len(less))
    return f"{mean} ({statistics.fmean(less):+.1f} ± {1.96 * error:.1f})"


def main() -> None:
    """Print the table, a row for each rule and telling."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="a folder with the LCBench surrogate in lcbench/")
    add("--sampler", choices=_SAMPLERS, default="tpe", metavar="NAME", help=f"{', '.join(_SAMPLERS)} (default: tpe)")
    add("--seeds", type=int, default=3, metavar="N", help="studies of each task (default: 3)")
    add("--tasks", type=int, default=len(_TASKS), metavar="N", help="only the first N tasks (default: all 12)")
    add("--rules", nargs="+", choices=_RULES, default=_RULES, metavar="NAME", help=", ".join(_RULES))
    add("--budgets", nargs="+", type=int, default=_BUDGETS, metavar="N", help="in full trainings (default: 10 20)")
    options = parser.parse_args()
    tasks = lcbench(options.data) if options.data else [simulated(seed) for seed in range(options.tasks)]
    budgets, kind = sorted(options.budgets), _SAMPLERS[options.sampler]
    print(f"| rule | told | {' | '.join(f'regret at {budget}' for budget in budgets)} |")
    print(f"|{' --- |' * (2 + len(budgets))}")
    for rule in options.rules:
        first: list[tuple[float, ...]] = []
        for telling in _TELLINGS:
            found = [
                search(task, kind(task.space, seed), rule, telling, budgets)
                for task in tasks[: options.tasks]
                for seed in range(options.seeds)
            ]
            columns = list(zip(*found, strict=True))
            first = first or columns
            cells = [cell(values, others) for values, others in zip(columns, first, strict=True)]
            print(f"| {rule} | {telling} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
