"""The tables of a study's results: the search's leaderboard, the finalists, the ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hpsearch.config.config import StudyConfig
from hpsearch.report.layout import FirstThatFits, Wrapping, cell, stacked, text_table
from hpsearch.selection.ranking import Finalist, top
from hpsearch.space.display import params_line, short_params
from hpsearch.study.document import epochs_of, shown_config
from hpsearch.study.ensemble import Reading, Scores
from hpsearch.study.study import Study
from hpsearch.text import clean, mean_and_std, value_format
from hpsearch.trial.trial import Config, Direction, Stage, TrialRecord

_SIDE = {Direction.MAXIMIZE: "above", Direction.MINIMIZE: "below"}


def leaderboard(study: Study, top_n: int) -> RenderableType:
    """Return the best search trials that can win, best first.

    Args:
        top_n: The largest number of rows.
    """
    # One more than is shown: the last value must differ from the next one in print too.
    records = top(study.store.records(Stage.SEARCH), study.config.direction, top_n + 1)
    if not records:
        return Text("No trial has ended with a value that can win.")
    written = value_format([record.value for record in records])
    rows = [_leader(rank, record, written) for rank, record in enumerate(records[:top_n], 1)]
    configs = [shown_config(record, study.config) for record in records[:top_n]]
    return _with_params(("rank", "trial", study.config.metric, "epoch", "stopped"), rows, configs, study.config)


def _leader(rank: int, record: TrialRecord, written: Callable[[float | None], str]) -> list[str]:
    epoch = f"{record.best_epoch}/{epochs_of(record)}"
    return [str(rank), str(record.number), written(record.value), epoch, record.stop_reason or "-"]


def _with_params(
    headers: Sequence[str], rows: Sequence[Sequence[str]], configs: Sequence[Config], config: StudyConfig
) -> FirstThatFits:
    """Return a table with a column for each parameter. If that is too wide, one column or lines below it have them.

    Args:
        rows: The second cell of each is its trial's number.
    """
    names = [name for name in config.space.names if name in config.space.parameters]
    wide, bare = text_table((), (*headers, *names)), text_table((), headers)
    narrow = text_table((), headers, last=["params"])
    for position, (row, one) in enumerate(zip(rows, configs, strict=True)):
        style = "bold" if position == 0 else ""
        cells = [cell(text, style) for text in row]
        wide.add_row(*cells, *_params(short_params(config.space, one), names))
        narrow.add_row(*cells, cell(params_line(config.space, one)))
        bare.add_row(*cells)
    below = [_params_below(row[1], one, config) for row, one in zip(rows, configs, strict=True)]
    return FirstThatFits(wide, Wrapping(narrow), Wrapping(bare, *below), stacked(narrow))


def _params_below(trial: object, one: Config, config: StudyConfig) -> Padding:
    return Padding(cell(f"trial {trial}: {params_line(config.space, one)}"), (0, 0, 0, 2))


def _params(short: dict[str, str], names: Sequence[str]) -> list[Text]:
    """Return a cell for each parameter, with a dash for an inactive one."""
    return [cell(short.get(clean(name), "-")) for name in names]


def finalists_table(study: Study) -> RenderableType:
    """Return the finalists, best first, with the statistics of their seeds, and what to expect of the winner.

    `search` is the value in the search. The next column says how far that lies above the mean of the seeds, or below
    it where less is better: the best of many noisy values is too good.
    """
    found = study.ranked_finalists
    if not found:
        return Text("No finalists." if study.config.finalists is None else "No finalist has been retrained yet.")
    means = [one.statistics.mean for one in found]
    written = value_format(means)
    headers = ("trial", "mean ± std", "95 % interval", "seeds", "search", f"{_SIDE[study.config.direction]} mean by")
    wide, narrow = (text_table((), headers, last=last) for last in (["params"], []))
    for position, one in enumerate(found):
        cells = [cell(text, "bold" if position == 0 else "") for text in _finalist(one, written)]
        wide.add_row(*cells, cell(params_line(study.config.space, study.config.space.config_of(one.params))))
        narrow.add_row(*cells)
    below = [_params_below(one.source, study.config.space.config_of(one.params), study.config) for one in found]
    table = FirstThatFits(wide, Wrapping(narrow, *below), Group(stacked(narrow), *below))
    words = [*map(_failures_in_words, found), optimism_in_words(found, study.config.direction, written)]
    return Group(table, Text(""), *(Text(line) for line in words if line))


def _finalist(one: Finalist, written: Callable[[float | None], str]) -> list[str]:
    stats = one.statistics
    return [
        str(one.source),
        mean_and_std(stats.mean, stats.std, written),
        "-" if stats.ci95 is None else f"{written(stats.ci95[0])} to {written(stats.ci95[1])}",
        f"{stats.n} of {stats.n + stats.n_failed}" if stats.n_failed else str(stats.n),
        written(one.search_value),
        written(one.optimism),
    ]


def _failures_in_words(one: Finalist) -> str:
    if not one.statistics.n_failed:
        return ""
    failed = f"{one.statistics.n_failed} of the seeds of trial {one.source} failed or diverged"
    return f"{failed}, so it ranks after those whose seeds all ended well."


def optimism_in_words(
    finalists: Sequence[Finalist], direction: Direction, written: Callable[[float | None], str]
) -> str:
    """Return how the search's best value compares with its retraining; empty if none of its seeds ended well."""
    first = min(finalists, key=lambda one: (-direction.sign * one.search_value, one.source))
    if first.optimism is None:
        return ""
    subject = f"The search's best value (trial {first.source})"
    if first.optimism <= 0:
        return f"{subject} was no better than the mean of its own retraining."
    return (
        f"{subject} lay {written(first.optimism)} {_SIDE[direction]} the mean of its own retraining: expect the mean."
    )


def ensemble_table(study: Study) -> RenderableType:
    """Return the members with their weights, and the vote's scores on `val` and `test` beside those of its members."""
    ensemble, reading = study.ensemble, study.current_reading
    if ensemble is None:
        return Text("No ensemble.")
    members = text_table((), ("trial", "seed", "weight"), last=["checkpoint"])
    for member in ensemble.members:
        members.add_row(*map(cell, (str(member.trial), str(member.seed), f"{member.weight:.3f}", member.checkpoint)))
    test = None if reading is None else reading.scores
    return Group(members, Text(""), _scores(ensemble.val, test), Text(""), *_readings(study, reading))


_SCORE_ROWS = ("ensemble", "best single member", "mean of single members")


def _scores(val: Scores, test: Scores | None) -> Table:
    splits = {"val": val, "test": test}
    table = text_table(("",), [f"{split} {what}" for split in splits for what in ("accuracy", "log loss")])
    columns = [column for scores in splits.values() for column in _score_columns(scores)]
    for name, *texts in zip(_SCORE_ROWS, *columns, strict=True):
        table.add_row(*(cell(text, "" if table.row_count else "bold") for text in (name, *texts)))
    samples = ["-" if scores is None else str(scores.ensemble.n) for scores in splits.values()]
    table.add_row("samples", *(text for n in samples for text in (n, "")), style="dim")
    return table


def _score_columns(scores: Scores | None) -> list[list[str]]:
    """Return the accuracies, and the log losses, in the order of `_SCORE_ROWS`."""
    if scores is None:
        return [[value_format([])(None)] * len(_SCORE_ROWS)] * 2
    rows = (scores.ensemble, scores.best_single, scores.mean_single)
    columns = [[row.accuracy for row in rows], [row.log_loss for row in rows]]
    return [list(map(value_format(column), column)) for column in columns]


def _readings(study: Study, reading: Reading | None) -> list[Text]:
    count = len(study.test_readings)
    if reading is None or reading.scores is None:
        lines = [Text("The test split has not been scored for this ensemble; resume the study to do so.")]
        return [*lines, Text(f"It was read {_times(count)} so far.")] if count else lines
    lines = [Text(f"The test split was read {_times(count)}.")]
    if reading.seen_before:
        warning = (
            "Warning: an earlier reading was known before this ensemble was chosen, so its test score may flatter."
        )
        lines.append(Text(warning, style="yellow"))
    return lines


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
