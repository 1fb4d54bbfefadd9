"""The command `verify`."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.grouped import grouped
from hpsearch.cli.options import MapOption, OnlyOption, PlaceOptions, StudyArgument, WorkerOptions, places
from hpsearch.text import counted, mean_and_std, value_format

if TYPE_CHECKING:
    from hpsearch.driver.verification import Verification

_EXIT_ELSEWHERE, _EXIT_UNTOLD = 1, 3


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """The file with the exported config."""

    from_: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="The exported file; by default the space file's export.to."),
    ] = None
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="A.B", help="The mapping with the config; by default the file's top level."),
    ] = None
    map_: MapOption = None
    only: OnlyOption = None


@grouped
def verify(
    study: StudyArgument,
    *,
    file: FileOptions,
    trial: Annotated[
        int | None,
        typer.Option("--trial", min=0, metavar="N", help="The finalist to compare with; by default the winner."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, metavar="N", help="How many new seeds; by default as many as the finalist had."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, for tools.")] = False,
    workers: WorkerOptions,
    place: PlaceOptions,
) -> None:
    """Retrain an exported config, and compare it with its finalist."""
    from hpsearch.cli.view import driving
    from hpsearch.driver.session import Caller
    from hpsearch.driver.verification import Exported
    from hpsearch.driver.verification import verify as verified
    from hpsearch.study.study import load_study

    request = workers.request()
    exported = Exported(path=file.from_, key=file.key, names=places(file.map_ or ()), only=tuple(file.only or ()))
    with (
        driving(place.studies) as show,
        closing(load_study(study, studies=place.studies, storage=place.storage)) as loaded,
    ):
        caller = Caller(request=request, publish=show.publish, opened=show.watched)
        found = verified(loaded, exported, caller, trial=trial, seeds=seeds)
    if as_json:
        typer.echo(json.dumps(_content(found), indent=1, default=str))
    else:
        typer.echo("\n".join(_lines(found)))
    if found.within is not True:
        raise typer.Exit(_EXIT_UNTOLD if found.within is None else _EXIT_ELSEWHERE)


def _content(found: Verification) -> dict[str, Any]:
    needed = found.seeds_to_tell
    return {
        **asdict(found),
        "within": found.within,
        "verdict": found.verdict,
        "tells": found.tells,
        "seeds_to_tell": needed and asdict(needed),
        "direction": str(found.direction),
    }


def _lines(found: Verification) -> list[str]:
    promised, new = found.promised, found.found
    written = value_format([promised.mean, new.mean, *(found.interval or ())])
    lines = [
        f"{name}: {ours} in the file, {theirs} in trial {found.trial}"
        for name, (ours, theirs) in found.differences.items()
    ]
    lines += [f"{name}: {value} is outside the searched space" for name, value in found.outside.items()]
    lines += [f"{name}: not from the file; as in trial {found.trial}" for name in found.left_out]
    ours, theirs = found.code
    if ours != theirs:
        lines.append(f"code: {ours or 'in no repository'} now, {theirs or 'in no repository'} when the study was made")
    for what, stats, noun in ((f"trial {found.trial}", promised, "seed"), ("the file", new, "new seed")):
        failed = f", {stats.n_failed} failed" if stats.n_failed else ""
        value = mean_and_std(stats.mean, stats.std, written)
        lines.append(f"{what}: {found.metric} {value} over {counted(stats.n, noun)}{failed}")
    return [*lines, _verdict(found)]


def _verdict(found: Verification) -> str:
    if found.interval is None:
        why = "a finalist with one seed does not show how much seeds differ"
        more = _more(found)
        return f"too few seeds to tell: {why}; {f'{more} would tell' if more else '--seeds 3 says how many would tell'}"
    written = value_format([*found.interval, found.found.mean])
    low, high = map(written, found.interval)
    expected = f"{low} to {high}, where a mean of {counted(found.found.n, 'new seed')} lies in 95 of 100 cases"
    if found.within is None:
        return f"too few seeds to tell: the mean is within {expected}, but {_why_untold(found)}"
    if found.within:
        return f"within {expected}"
    mean = found.found.mean or 0.0
    side = found.interval[1] if mean > found.interval[1] else found.interval[0]
    better = found.direction.better(mean, side)
    hint = "; it is better than expected: is the same thing measured?" if better else ""
    return f"NOT within {expected}: {written(abs(mean - side))} beyond{hint}"


def _why_untold(found: Verification) -> str:
    """Say that the interval is too wide, and how many seeds would make it narrow enough."""
    low, high = found.interval or (0.0, 0.0)
    spread = found.spread or 0.0
    written = value_format([high - low, spread])
    wide = f"that is {written(high - low)} wide, more than half of what the search's best trial is ahead of its median"
    return f"{wide}, {written(spread)}; {_more(found) or 'not even 1000 seeds of each'} would tell"


def _more(found: Verification) -> str:
    needed = found.seeds_to_tell
    more = [f"--seeds {needed.new}"] if needed and needed.new else []
    more += [f"about {needed.each} new seeds of a finalist with as many"] if needed and needed.each else []
    return " or ".join(more)
