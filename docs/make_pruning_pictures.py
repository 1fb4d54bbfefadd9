"""Draws pruning.svg and prints the tables of pruning.md: `python docs/make_pruning_pictures.py --data DIR`.

DIR has the recorded curves that benchmarks/replay plays. Each panel is a whole study: hpsearch's driver, store and
rules, on simulated workers. All of them have the same configs.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.selection.rules import rival_rule
from hpsearch.trial.trial import Stage, StopReason, TrialRecord

if TYPE_CHECKING:
    from curves import Task

TARGET = Path(__file__).with_name("pruning.svg")
REPLAY = Path(__file__).parents[1] / "benchmarks" / "replay"

TASK = "126025"  # of LCBench
TRIALS, WORKERS = 48, 8
SEEDS = 5  # of the table of rules
DRAWS, SHOWN = 1000, 3  # for the table of first rungs, and the tasks that it names
FAMILIES = {"lcbench": "LCBench", "taskset": "TaskSet"}
KEPT = 8  # by screen

_SIDE, _HIGH, _LEFT, _TOP = 258, 190, 62, 96  # of the panels, in pixels
_PITCH, _ROW, _COLUMNS = 304, 326, 3
_WIDTH = _LEFT + (_COLUMNS - 1) * _PITCH + _SIDE + 26
_INK, _FAINT, _RUNG = "#24292f", "#57606a", "#afb8c1"
_BACKGROUND = "#ffffff"  # or dark viewers would show dark ink on dark
_TICK, _EPOCHS = 10, (1, 2, 5, 10, 20, 50)  # of the axes
_ROOM = 8  # for marks


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What decides in a study.

    Attributes:
        text: What the space file says.
        prune: The same, parsed.
    """

    title: str
    text: str
    prune: Any


RULES = (
    Rule(title="no pruning", text="null", prune=None),
    Rule(title="stall alone", text="{stall: {}}", prune={"stall": {}}),
    Rule(title="median", text="{median: {}}", prune={"median": {}}),
    Rule(title=f"screen, keep: {KEPT}", text=f"{{screen: {{keep: {KEPT}}}}}", prune={"screen": {"keep": KEPT}}),
    Rule(title="auto (asha)", text="auto", prune="auto"),
    Rule(title="hyperband", text="{hyperband: {}}", prune={"hyperband": {}}),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How the curves of trials with one end look."""

    colour: str
    mark: str  # an SVG path around the curve's last point
    filled: bool = False


_DOT = "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0"
LOOKS = {
    StopReason.OUTCLASSED: Look(colour="#8c959f", mark="m-3-3l6 6m0-6l-6 6"),
    StopReason.DIVERGED: Look(colour="#b3261e", mark="m-3-3l6 6m0-6l-6 6"),
    StopReason.STALLED: Look(colour="#bc4c00", mark=_DOT),
    StopReason.FINISHED: Look(colour="#0969da", mark=_DOT, filled=True),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """A study that is done.

    Attributes:
        rungs: The epochs at which trials are compared.
        best: The number of the trial that won.
    """

    rule: Rule
    records: Sequence[TrialRecord]
    rungs: Sequence[int]
    best: int

    @property
    def epochs(self) -> int:
        """What all trials trained."""
        return sum(record.epochs for record in self.records)

    @property
    def value(self) -> float:
        """The best trial's."""
        return self.records[self.best].value or 0.0

    @property
    def ends(self) -> Mapping[StopReason, int]:
        """How many trials ended for each reason."""
        found = Counter(record.stop_reason for record in self.records)
        return {reason: found[reason] for reason in StopReason if found[reason]}


def load(data: Path, name: str) -> Task:
    """Return a task of the replay."""
    sys.path.insert(0, str(REPLAY))
    import tasks

    return tasks.load(data, name)


def play(task: Task, rule: Rule, seed: int) -> Played:
    """Run a study to its end."""
    import ours
    from traces import Trace
    from workers import ReplayExecutor

    content = ours.space_file(task, "jittered_grid+auto", seed, TRIALS)
    content |= {"prune": rule.prune, "search": {"sampler": "jittered_grid", "trials": TRIALS}}
    endless = Trace(task, TRIALS * task.epochs)
    with tempfile.TemporaryDirectory() as folder:
        study = ours.study_of(Path(folder), content, ReplayExecutor(WORKERS, task, endless))
        records, config = study.store.records(Stage.SEARCH), study.config
        best = study.best
        study.close()
    compares = rival_rule(config, task.epochs, 0, TRIALS, config.direction)
    rungs = {rung for number in range(TRIALS) if compares for rung in compares.rungs(number)[:-1]}
    return Played(rule=rule, records=records, rungs=sorted(rungs), best=best.trial)


def table(task: Task) -> str:
    """Return the page's table: means over several seeds for each rule."""
    full = TRIALS * task.epochs
    lines = ["| `prune` | epochs | of all | accuracy of the winner |", "| --- | --- | --- | --- |"]
    for rule in RULES:
        played = [play(task, rule, seed) for seed in range(SEEDS)]
        epochs, value = (statistics.mean(getattr(one, name) for one in played) for name in ("epochs", "value"))
        lines.append(f"| `{rule.text}` | {epochs:,.0f} | {epochs / full:.0%} | {value:.1f} |".replace("%", " %"))
    return "\n".join(lines)


def first_rungs(data: Path) -> str:
    """Return the page's table of first rungs: for the tasks on which epoch 1 is worst, and the mean of each family."""
    sys.path.insert(0, str(REPLAY))
    import tasks

    found = [tasks.load(data, name) for name in tasks.names_of(data, FAMILIES)]
    kept = {task.name: _kept(task) for task in found}
    worst = sorted(kept, key=lambda name: kept[name][0])[:SHOWN]
    families = {task.name: FAMILIES[task.family] for task in found}
    rows = [(f"{families[name]}, task {name}", kept[name]) for name in worst]
    for family, title in FAMILIES.items():
        own = [kept[task.name] for task in found if task.family == family]
        means = [tuple(map(statistics.mean, zip(*column, strict=True))) for column in zip(*own, strict=True)]
        rows.append((f"{title}, mean of {len(own)} tasks", means))
    lines = ["| tasks | epoch 1 | epoch 2 | a ninth: epoch 6 |", "| --- | --- | --- | --- |"]
    for name, row in rows:
        lines.append(f"| {name} | {' | '.join(f'{share:.0f} %, costs {cost:.1f}' for share, cost in row)} |")
    return "\n".join(lines)


def _kept(task: Task) -> list[tuple[float, float]]:
    """Return how often a third of some configs has the best of them, and what it costs, after 1, 2 and a ninth.

    Both are in percent: of the draws, and of the way from the median of all configs to the best.
    """
    import numpy as np

    curves = task.sign * task.curves.sample()
    best = np.maximum.accumulate(np.where(np.isfinite(curves), curves, -np.inf), axis=1)
    last, rng = best[:, -1], np.random.default_rng(0)
    drawn = np.array([rng.choice(len(best), TRIALS, replace=False) for _ in range(DRAWS)])
    found = []
    for epoch in (1, 2, round(task.epochs / 9)):
        order = np.argsort(-best[drawn, epoch - 1], axis=1, kind="stable")[:, : TRIALS // 3]
        lost = last[drawn].max(axis=1) - last[np.take_along_axis(drawn, order, axis=1)].max(axis=1)
        share, cost = (lost <= 0).mean(), lost.mean() / (last.max() - np.median(last))
        found.append((100 * float(share), 100 * float(cost)))
    return found


def in_words(played: Played) -> str:
    """Return a panel in words, for readers who can't see it."""
    ends = ", ".join(f"{count} {reason}" for reason, count in played.ends.items())
    return f"{played.epochs:,} epochs, best {played.value:.1f}; {ends}"


def picture(task: Task) -> str:
    """Return the whole picture as SVG."""
    drawn = [play(task, rule, 0) for rule in RULES]
    values = [value for one in drawn for record in one.records for value in record.values.values()]
    low, high = _TICK * math.floor(min(values) / _TICK), _TICK / 2 * math.ceil(2 * max(values) / _TICK)
    height = _TOP + -(-len(RULES) // _COLUMNS) * _ROW - 6
    alternative = ". ".join(f"{one.rule.title}: {in_words(one)}" for one in drawn)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} role="img">',
        f"<title>Learning curves of {TRIALS} trials by what became of them. {alternative}.</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="6" fill="{_BACKGROUND}"/>',
        *_legend(),
    ]
    for position, one in enumerate(drawn):
        row, column = divmod(position, _COLUMNS)
        panel = _Panel(_LEFT + column * _PITCH, _TOP + row * _ROW, task.epochs, (low, high))
        parts += panel.drawn(one, is_first=column == 0)
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    words = {
        StopReason.FINISHED: "finished",
        StopReason.STALLED: "stalled, can win",
        StopReason.OUTCLASSED: "outclassed, can't win",
    }
    parts, left = [], _LEFT
    for reason, text in words.items():
        look = LOOKS[reason]
        parts.append(f'<path d="M{left} 26h28" stroke="{look.colour}" stroke-width="1.6"/>')
        parts.append(_marks(look, [(left + 28, 26)]))
        parts.append(_text(left + 40, 31, text, anchor="start"))
        left += 60 + 7 * len(text)
    parts.append(f'<path d="M{left} 26h28" stroke="{_INK}" stroke-width="3"/>')
    parts.append(_text(left + 40, 31, "the winner", anchor="start"))
    left += 130
    parts.append(f'<path d="M{left} 16v20" stroke="{_RUNG}" stroke-dasharray="3 3"/>')
    parts.append(_text(left + 10, 31, "trials are compared", anchor="start"))
    return parts


class _Panel:
    """One study's curves.

    Args:
        left: In pixels.
        top: In pixels.
        epochs: Of a full training.
        ends: Of the metric's axis.
    """

    def __init__(self, left: int, top: int, epochs: int, ends: tuple[float, float]) -> None:
        self._left, self._top, self._epochs, self._ends = left, top, epochs, ends

    def _across(self, epoch: float) -> int:
        return round(self._left + _ROOM + (_SIDE - 2 * _ROOM) * math.log(epoch) / math.log(self._epochs))

    def _down(self, value: float) -> int:
        low, high = self._ends
        return round(self._top + _HIGH * (high - value) / (high - low))

    def drawn(self, played: Played, *, is_first: bool) -> list[str]:
        """Return the panel; the first of a row has the metric's axis."""
        middle, bottom = self._left + _SIDE / 2, self._top + _HIGH
        ends = ", ".join(f"{count} {reason}" for reason, count in played.ends.items())
        rungs = "".join(f"M{self._across(rung)} {self._top}v{_HIGH}" for rung in played.rungs)
        return [
            _text(middle, self._top - 12, played.rule.title, size=17, weight="bold"),
            f'<path d="{rungs}" stroke="{_RUNG}" stroke-dasharray="3 3"/>' if rungs else "",
            *self._curves(played),
            f'<rect x="{self._left}" y="{self._top}" width="{_SIDE}" height="{_HIGH}" fill="none" stroke="{_INK}"/>',
            *self._ticks(bottom, is_first=is_first),
            _text(middle, bottom + 38, "epoch"),
            _text(middle, bottom + 64, f"{played.epochs:,} epochs, best {played.value:.1f}", weight="bold"),
            _text(middle, bottom + 83, ends, colour=_FAINT),
        ]

    def _curves(self, played: Played) -> list[str]:
        """Return the curves of all ends, the best trial's on top."""
        parts = []
        for reason, look in LOOKS.items():
            records = [record for record in played.records if record.stop_reason is reason]
            if not records:
                continue
            path = "".join(map(self._path, records))
            parts.append(f'<path d="{path}" fill="none" stroke="{look.colour}" stroke-opacity="0.75"/>')
            parts.append(_marks(look, sorted(set(map(self._last, records)))))
        best = played.records[played.best]
        path = self._path(best)
        return [*parts, f'<path d="{path}" fill="none" stroke="{_INK}" stroke-width="3" stroke-linejoin="round"/>']

    def _path(self, record: TrialRecord) -> str:
        """Return a curve in whole pixels, as steps from point to point."""
        points = list(
            {self._across(epoch): self._down(value) for epoch, value in sorted(record.values.items())}.items()
        )
        steps = "".join(f"l{x1 - x0} {y1 - y0}" for (x0, y0), (x1, y1) in itertools.pairwise(points))
        return f"M{points[0][0]} {points[0][1]}{steps.replace(' -', '-')}"

    def _last(self, record: TrialRecord) -> tuple[int, int]:
        epoch, value = max(record.values.items())
        return self._across(epoch), self._down(value)

    def _ticks(self, bottom: int, *, is_first: bool) -> list[str]:
        epochs = [epoch for epoch in _EPOCHS if epoch <= self._epochs]
        values = range(math.ceil(self._ends[0]), math.floor(self._ends[1]) + 1, _TICK)
        across = "".join(f"M{self._across(epoch)} {bottom}v6" for epoch in epochs)
        down = "".join(f"M{self._left} {self._down(value)}h-6" for value in values)
        parts = [f'<path d="{across}{down}" stroke="{_INK}"/>']
        parts += [_text(self._across(epoch), bottom + 20, str(epoch)) for epoch in epochs]
        if is_first:
            parts += [_text(self._left - 10, self._down(value) + 5, f"{value:g}", anchor="end") for value in values]
            turned = f"translate({self._left - 44} {self._top + _HIGH / 2:g}) rotate(-90)"
            parts.append(f'<text transform="{turned}" text-anchor="middle" fill="{_INK}">accuracy on val, %</text>')
        return parts


def _marks(look: Look, points: Sequence[tuple[int, int]]) -> str:
    path = "".join(f"M{x} {y}{look.mark}" for x, y in points)
    fill = look.colour if look.filled else "none"
    return f'<path d="{path}" fill="{fill}" stroke="{look.colour}" stroke-width="1.4"/>'


def _text(
    x: float, y: float, text: str, *, size: int = 13, weight: str = "normal", colour: str = _INK, anchor: str = "middle"
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" fill="{colour}"'
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" {style}>{text}</text>'


def main(arguments: Sequence[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> None:
    """Draw the picture and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="with lcbench/ and taskset/")
    parser.add_argument("--only-picture", action="store_true", help="print no table, which takes minutes")
    options = parser.parse_args(arguments)
    task = load(options.data, TASK)
    TARGET.write_text(picture(task), encoding="utf-8")
    if not options.only_picture:
        say(f"{first_rungs(options.data)}\n\n{table(task)}\n")


if __name__ == "__main__":
    main()
