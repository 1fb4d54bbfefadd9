"""Whether `budget: {stop: auto}` ends searches at the right time, on recorded learning curves.

    python benchmarks/replay/enough.py --data DIR --tasks taskset alexnet --methods jittered_grid,random,auto --seeds 3

Each study is played twice: with the rule, and without it for ten and twenty full trainings more. The rule hits if
these trainings improve the best value by less than the noise of a seed, as the rule had estimated it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from curves import MissingDataError, Task
from ours import parts_of, play, space_file, study_of
from tasks import load, names_of
from traces import Setting, TimeIsUp
from workers import ReplayExecutor

_AHEAD = (10, 20)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One study.

    Attributes:
        trainings: Full trainings until its end; None if the rule let it go on to the last.
        gain: What the rule expected of ten more full trainings.
        noise: Of a seed, as the rule estimated it.
        real: What ten and twenty more full trainings brought.
    """

    method: str
    task: str
    seed: int
    trainings: float | None = None
    gain: float = 0.0
    noise: float = 0.0
    real: tuple[float, ...] = ()


def case_of(task: Task, method: str, seed: int, setting: Setting) -> Case:
    """Play a study with the rule, and what would have followed."""
    trace, planned = setting.trace(task), setting.trainings + _AHEAD[-1]
    executor = ReplayExecutor(setting.workers, task, trace, setting.spread)
    content = {**space_file(task, method, seed, planned), "budget": {"stop": "auto"}}
    case = Case(method=method, task=task.name, seed=seed)
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        try:
            study = study_of(Path(folder), content, executor)
        except TimeIsUp:
            return case
        found = study.store.get("enough")
        study.close()
    if found is None:
        return case
    trainings, best = trace.spent / task.epochs, trace.steps[-1][1]
    after = play(task, method, seed, replace(setting, trainings=trainings + _AHEAD[-1]), planned)
    ends = [(trainings + ahead) * task.epochs for ahead in _AHEAD]
    reached = [max((task.sign * value for spent, value in after.steps if spent <= end)) for end in ends]
    real = tuple(max(0.0, value - task.sign * best) for value in reached)
    return replace(case, trainings=trainings, gain=found["gain"], noise=found["noise"], real=real)


def rows_of(cases: Sequence[Case]) -> list[str]:
    """Return the lines of a table: one for each method and task."""
    heads = ["method", "task", "ended", "after", "expected", "brought by 10", "by 20", "noise", "hits at 10", "at 20"]
    rows = [heads, ["---"] * len(heads)]
    for method, task in dict.fromkeys((one.method, one.task) for one in cases):
        group = [one for one in cases if (one.method, one.task) == (method, task)]
        ended = [one for one in group if one.trainings is not None]
        row = [method, task, f"{len(ended)} of {len(group)}", *["-"] * 7]
        if ended:
            numbers = [
                [one.gain for one in ended],
                *([one.real[at] for one in ended] for at in range(len(_AHEAD))),
                [one.noise for one in ended],
            ]
            after = sorted(one.trainings or 0.0 for one in ended)
            hits = [sum(one.real[at] < one.noise for one in ended) for at in range(len(_AHEAD))]
            row[3:] = [
                f"{after[0]:.0f} to {after[-1]:.0f}",
                *(f"{median(values):.2g}" for values in numbers),
                *(f"{count} of {len(ended)}" for count in hits),
            ]
        rows.append(row)
    return [f"| {' | '.join(row)} |" for row in rows]


def main(arguments: Sequence[str] | None = None) -> None:
    """Play the studies, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="as for run.py")
    add("--tasks", nargs="+", default=["taskset", "alexnet"], metavar="T", help="as for run.py")
    add("--methods", default="jittered_grid,random", metavar="M", help="hpsearch's, separated by commas")
    add("--trainings", type=int, default=100, metavar="N", help="full trainings that the rule has at most (100)")
    add("--seeds", type=int, default=3, metavar="N", help="studies of each method and task (3)")
    add("--workers", type=int, default=4, metavar="N", help="simulated ones (4)")
    add("--json", type=Path, metavar="FILE", help="gets what came of each study")
    asked = parser.parse_args(arguments)
    chosen = asked.methods.split(",")
    setting = Setting(workers=asked.workers, trainings=asked.trainings)
    if unknown := [method for method in chosen if parts_of(method) is None]:
        parser.error(f"--methods {unknown[0]}: is none of hpsearch's")
    cases = []
    try:
        for method in chosen:
            for task in (load(asked.data, name) for name in names_of(asked.data, asked.tasks)):
                for seed in range(asked.seeds):
                    cases.append(case_of(task, method, seed, setting))
                    print(cases[-1], file=sys.stderr)
    except MissingDataError as error:
        parser.error(str(error))
    print(*rows_of(cases), sep="\n")
    if asked.json:
        asked.json.write_text(json.dumps([asdict(case) for case in cases]), encoding="utf-8")


if __name__ == "__main__":
    main()
