"""The table of all studies."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from hpsearch.report.layout import FirstThatFits, Wrapping, cell, stacked, text_table
from hpsearch.selection.ranking import top
from hpsearch.store.location import DATABASE, JOURNAL
from hpsearch.store.pointer import STUDY_FILE
from hpsearch.study.study import Study
from hpsearch.text import format_duration, mean_and_std, value_format
from hpsearch.trial.trial import Stage, State

_DAY_S = 86400
_DATE_AFTER_S = 30 * _DAY_S
_COUNT_AFTER_S = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRow:
    """One study as `list` shows it.

    Attributes:
        state: `done`, `unfinished`, or why the study can't be read.
        done: How many search trials have ended.
        total: Search trials in all; None if unknown.
        mean: The best config's mean over seeds, or the best search trial's value where there are no seeds.
        std: The standard deviation over seeds; None for fewer than two.
        retrained: How many trials of the finalists have ended.
        to_retrain: How many trials the finalists have in all; 0 without finalists.
        changed: When the study last changed, in seconds since 1970; None if unknown.
    """

    name: str
    state: str
    metric: str = ""
    done: int = 0
    total: int | None = None
    mean: float | None = None
    std: float | None = None
    retrained: int = 0
    to_retrain: int = 0
    changed: float | None = None


def study_row(study: Study) -> StudyRow:
    """Return the row of a study."""
    best = study.best
    retrained, to_retrain = _retraining(study)
    return StudyRow(
        name=study.name,
        state=study.state,
        metric=study.config.metric,
        done=sum(record.state is not State.RUNNING for record in study.store.records(Stage.SEARCH)),
        total=study.total,
        mean=None if best is None else best.mean,
        std=None if best is None else best.std,
        retrained=retrained,
        to_retrain=to_retrain,
        changed=_changed(study.folder),
    )


def _retraining(study: Study) -> tuple[int, int]:
    if study.config.finalists is None:
        return 0, 0
    best = top(study.store.records(Stage.SEARCH), study.config.direction, study.config.finalists.configs)
    ended = [r for source in best for r in study.replicates(source.number) if r.state is not State.RUNNING]
    configs = min(study.config.finalists.configs, study.total or study.config.finalists.configs)
    return len(ended), configs * study.config.finalists.seeds


def _changed(folder: Path) -> float | None:
    # SQLite writes to the -wal file first. A store elsewhere changes only the trials' folders here.
    places = (STUDY_FILE, DATABASE, f"{DATABASE}-wal", JOURNAL, "trials", "finalists")
    times = [path.stat().st_mtime for name in places if (path := folder / name).exists()]
    return max(times, default=None)


def studies_table(rows: Iterable[StudyRow], now: float | None = None) -> RenderableType:
    """Return a table of studies, in the order given.

    Args:
        now: In seconds since 1970; None for the clock's.
    """
    rows = list(rows)
    if not rows:
        return Text("No studies.")
    now = time.time() if now is None else now
    table = text_table(("study", "state"), ("trials", "finalists", "best"), last=("metric", "changed"))
    for row in rows:
        total = "?" if row.total is None else row.total
        best = mean_and_std(row.mean, row.std, value_format([row.mean]))
        finalists = f"{row.retrained}/{row.to_retrain}" if row.to_retrain else "-"
        state = cell(row.state, "" if row.state == "done" else "yellow")
        texts = (f"{row.done}/{total}", finalists, best, row.metric, _ago(row.changed, now))
        table.add_row(cell(row.name, "bold"), state, *map(cell, texts))
    return FirstThatFits(Wrapping(table), stacked(table))


def _ago(changed: float | None, now: float) -> str:
    if changed is None:
        return "-"
    seconds = now - changed
    if seconds > _DATE_AFTER_S:
        return time.strftime("%Y-%m-%d", time.localtime(changed))
    if seconds < _COUNT_AFTER_S:
        return "just now"
    # The larger unit says enough.
    return f"{' '.join(format_duration(seconds).split()[:2])} ago"
