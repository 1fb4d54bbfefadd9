"""A guess from a script's source: which metric it measures, and where its measurements can be read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from hpsearch.drafting.from_script.epochs import batch_of, first_epoch
from hpsearch.drafting.from_script.framework_prints import Prints, find_prints
from hpsearch.drafting.from_script.labels import Named, epoch_of, metrics_of
from hpsearch.drafting.from_script.literals import called
from hpsearch.drafting.from_script.logs import Log, best_name, find_log, logged_names, name_rank, texts_in
from hpsearch.drafting.from_script.meters import meter_lines
from hpsearch.drafting.from_script.metric_names import direction_of, is_metric, kind_rank, split_rank, words_of
from hpsearch.drafting.from_script.outputs import Output, is_output, outputs_of
from hpsearch.drafting.from_script.places import Often, Source, is_epoch_name
from hpsearch.drafting.from_script.regexes import regex_of, sample
from hpsearch.drafting.from_script.repository import Repository
from hpsearch.drafting.from_script.templates import Value
from hpsearch.drafting.space_file import DEFAULT_METRIC

__all__ = ["Measurements", "direction_of", "guess_measurements"]

_SURE, _NOTHING = (3,), (9,)
_LINE = re.compile(r"line \d+")
_OFTEN: dict[Often, int] = {"epoch": 0, "unknown": 1, "step": 2, "once": 3, "batch": 4}
_MOST_GROUPS = 4  # of a regular expression: the metric, the epoch and what is measured beside it
_SHOWN_CHARACTERS = 70
_OFTEN_DOUBTS: dict[Often, tuple[str, ...]] = {
    "batch": ("how often: that line seems to come several times an epoch; one at each epoch's end is better",),
    "step": (
        (
            "epochs: the script counts steps, and each of those lines counts as an epoch: set epochs to how many of "
            "them a training prints, and let the command give the steps"
        ),
    ),
    "once": ("how often: that line does not seem to be in the loop over epochs",),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurements:
    """Where a script's measurements seem to be.

    Attributes:
        metric: The name of the metric.
        known: Whether the metric was found in the script.
        way: `json`, `regex`, `csv` or `tensorboard`; empty if none was found.
        place: The regular expression, the file or the folder.
        first_epoch: The number of the first epoch in the script's log.
        options: What the command has to give to options of the script, by their names, so that the log lies there.
        workdir: Whether each trial has to run in its own folder, because the script writes its log where it runs.
        unsure: What was guessed and may be wrong, each with what to look at.
        rank: How likely it is where the script measures: the smallest is.
    """

    metric: str = DEFAULT_METRIC
    known: bool = False
    way: str = ""
    place: str = ""
    first_epoch: int = 1
    options: dict[str, str] = field(default_factory=dict)
    workdir: bool = False
    unsure: tuple[str, ...] = ()
    rank: tuple[int, ...] = field(default=_NOTHING, compare=False)

    @property
    def direction(self) -> str:
        """`minimize` or `maximize`, by the metric's name."""
        return direction_of(self.metric)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """A printed line with metrics.

    Attributes:
        output: The line.
        epoch: The index of the epoch among its pieces.
        metrics: All of them.
        best: The one to judge by.
    """

    output: Output
    epoch: int | None
    metrics: list[Named]
    best: Named

    @property
    def is_good(self) -> bool:
        """Whether the line comes once an epoch and has a metric of validation or test data."""
        return self.rank[0] <= 1 and not self.best.past and split_rank(self.best.split) <= 1

    @property
    def rank(self) -> tuple[int, ...]:
        """Where the line stands among the script's: the smallest is drafted."""
        place = self.output.place
        often = _OFTEN[place.often]
        if place.often == "batch" and split_rank(self.best.split) <= 1:
            often = _OFTEN["step"]  # it evaluates now and then within an epoch
        if place.often == "unknown" and self.epoch is not None:
            often = 0
        return (often, *_rank(self.best), 0 if self.epoch is not None else 1, place.line)


def guess_measurements(
    tree: ast.AST, others: Mapping[str, ast.AST] | None = None, folders: Mapping[str, str] | None = None
) -> Measurements:
    """Return what a script's source suggests, or else that of the modules that it uses.

    Args:
        tree: The script.
        others: The other modules, by the names of their files.
        folders: The values of the script's config, by dotted names, that are places in the folder of each trial.
    """
    others = others or {}
    modules = Repository((tree, *others.values()), folders or {})
    best = _guess(Source(tree, modules))
    if best.rank <= _SURE:
        return best
    for name, other in others.items():
        found = _guess(Source(other, modules))
        if found.rank < best.rank:
            best = replace(found, unsure=tuple(_LINE.sub(rf"\g<0> of {name}", text, count=1) for text in found.unsure))
    if best.known or best.way:
        return best
    named = best_name(name for one in modules.trees for name in logged_names(Source(one, modules)))
    named = named or next((name for one in modules.trees if (name := _any_name(one))), "")
    return replace(best, metric=named or DEFAULT_METRIC, known=bool(named))


def _guess(source: Source) -> Measurements:
    """Return what a module suggests.

    Lines of JSON come first. Then a line that is printed once an epoch, a log file, and any other line that is printed.
    """
    outputs = [*outputs_of(source), *meter_lines(source)]
    found = _json(source, outputs)
    if found is not None:
        return replace(found, rank=(0,))
    lines = _lines(source, outputs)
    line = min(lines, key=lambda one: one.rank, default=None)
    drafted = None if line is None else _drafted(line, lines, outputs, source)
    if line is not None and drafted is not None and line.is_good:
        return replace(drafted, rank=(1,))
    prints, log = find_prints(source), find_log(source)
    if log is not None and log.metric and not log.unsure:
        return replace(_of_log(log), rank=(2,))
    if prints is not None:
        return replace(_of_prints(prints), rank=_SURE)
    if line is not None and drafted is not None:
        return replace(drafted, rank=(4, *line.rank[:-1]))
    return Measurements() if log is None else replace(_of_log(log), rank=(5 if log.metric else 6,))


def _of_prints(prints: Prints) -> Measurements:
    return Measurements(
        metric=prints.metric,
        known=True,
        way="regex",
        place=prints.regex,
        first_epoch=prints.first_epoch,
        unsure=(f"the metric: {_with_direction(prints.metric)}, as the framework prints it", *prints.unsure),
    )


def _of_log(log: Log) -> Measurements:
    others = [name for name in log.names if name != log.metric and is_metric(words_of(name))][:4]
    beside = f"; the log also has {', '.join(others)}" if others else ""
    metric = _with_direction(log.metric) if log.metric else "its name in the log was not found"
    return Measurements(
        metric=log.metric or DEFAULT_METRIC,
        known=bool(log.metric),
        way=log.way,
        place=log.place,
        first_epoch=log.first_epoch,
        options=log.options,
        workdir=log.workdir,
        unsure=(f"the metric: {metric}{beside}", *log.unsure),
    )


def _with_direction(metric: str) -> str:
    return f"{metric} ({direction_of(metric)})"


def _any_name(tree: ast.AST) -> str:
    return best_name(text for text in texts_in(tree) if len(text.split()) == 1)


def _rank(one: Named) -> tuple[int, ...]:
    return (int(one.past), split_rank(one.split), int(one.coarse), kind_rank(one.words))


def _json(source: Source, outputs: list[Output]) -> Measurements | None:
    """Return the line of JSON that the script prints, if it prints one."""
    found = []
    for call in source.calls:
        if called(call) != "dumps" or not call.args or any(keyword.arg == "indent" for keyword in call.keywords):
            continue
        printer = next((one for one in source.around(call) if isinstance(one, ast.Call) and is_output(one)), None)
        if printer is None or not any(one.call is printer and _is_object(one) for one in outputs):
            continue
        entries = source.variables(call).entries(call.args[0])
        best = best_name(name for name in entries if not is_epoch_name(name)) or _any_name(source.tree)
        often = _OFTEN[source.often(call)]
        found.append(((0 if best else 1, often, *(name_rank(best) if best else ())), best, entries.get("epoch"), call))
    if not found:
        return None
    _, best, epoch, call = min(found, key=lambda one: one[0])
    first = first_epoch(epoch, source, call) if epoch is not None else 1
    measured = Measurements(metric=best or DEFAULT_METRIC, known=bool(best), way="json")
    if first == 0:
        return replace(measured, first_epoch=0)
    return measured


def _is_object(output: Output) -> bool:
    """Return whether a line is nothing but what a call gives, or an object of JSON."""
    first = output.pieces[0]
    return output.plain and (first.startswith("{") if isinstance(first, str) else len(output.pieces) == 1)


def _lines(source: Source, outputs: list[Output]) -> list[_Line]:
    found = []
    for output in outputs:
        epoch = epoch_of(output, source)
        metrics = metrics_of(output.pieces, epoch, output.place.split)
        if metrics:
            found.append(_Line(output=output, epoch=epoch, metrics=metrics, best=min(metrics, key=_rank)))
    return found


def _drafted(line: _Line, lines: list[_Line], outputs: list[Output], source: Source) -> Measurements | None:
    """Return a regular expression for a printed line; None if none reads what the line prints."""
    unsure: list[str] = []
    epoch, first = line.epoch, 1
    if epoch is not None:
        known = _first_on(line.output, epoch, source)
        if known is None:
            unsure.append("first_epoch: whether the log counts epochs from 0 or from 1 could not be read")
        elif known not in (0, 1):
            unsure.append(f"the epoch: the log seems to begin at {known}, so its lines are counted instead")
            epoch = None
        first = known if known in (0, 1) else 1
    pieces, others = line.output.pieces, [one.pieces for one in outputs if one.pieces != line.output.pieces]
    batch = (
        batch_of(pieces, source, line.output.call) if epoch is not None and line.output.place.often == "batch" else None
    )
    if batch is not None:
        others.append(pieces)
        pieces = (*pieces[: batch.index], batch.first, *pieces[batch.index + 1 :])
        unsure.append("metrics.regex: of the lines of an epoch it finds the one of the first batch")
    beside = [one for one in line.metrics if one is not line.best and not one.past and not one.coarse]
    for kept in ([line.best, *beside[: _MOST_GROUPS - 2]], [line.best]):
        metrics = sorted(kept, key=lambda one: one.index)
        text, alone = regex_of(pieces, epoch, metrics, others, logged=not line.output.plain)
        if text:
            break
    else:
        return None
    return Measurements(
        metric=line.best.name,
        known=True,
        way="regex",
        place=text,
        first_epoch=first,
        unsure=(*_doubts(line, lines, epoch, alone=alone), *unsure),
    )


def _first_on(output: Output, epoch: int, source: Source) -> int | None:
    """Return the number of the first epoch on a line; None if it is not written out."""
    value = output.pieces[epoch]
    if not isinstance(value, Value):
        return None
    return first_epoch(value.node or ast.Name(value.name), source, output.call)


def _doubts(line: _Line, lines: list[_Line], epoch: int | None, *, alone: bool) -> Iterator[str]:
    """Yield what may be wrong with a line that was chosen."""
    place, best = line.output.place, line.best
    others = dict.fromkeys(one.name for other in lines for one in other.metrics if one.name != best.name)
    beside = f"; the script also prints {', '.join(list(others)[:4])}" if others else ""
    yield f"the metric: {_with_direction(best.name)} of line {place.line}, {_shown(line.output)}{beside}"
    if epoch is None:
        yield "the epoch: it is not on that line, so lines are counted: the first one is epoch 1"
    yield from _OFTEN_DOUBTS.get(place.often, ())
    if split_rank(best.split) > 1:
        yield f"the split: nothing says that {best.name} is of validation data"
    if best.past:
        yield f"{best.name} seems to be the best so far, which never gets worse"
    if best.coarse:
        yield f"{best.name} is printed without decimals: more of them would tell configs apart"
    if not alone:
        yield "metrics.regex: it also finds other lines that the script prints"
    if place.callers > 1:
        yield f"line {place.line} is in a function that {place.callers} places call: each call prints it"


def _shown(output: Output) -> str:
    text = sample(output.pieces, {}, "…").strip()
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return f"`{text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + '…'}`"
