"""The end of a command whose last epoch is measured: it may still write its model, and it may hang."""

from __future__ import annotations

from hpsearch.errors import ObjectiveError
from hpsearch.objectives.command.epochs import MixedLinesError
from hpsearch.objectives.command.metrics import Source
from hpsearch.objectives.command.process import RunningCommand
from hpsearch.trial.handle import Trial, inside


def let_end(running: RunningCommand, source: Source, trial: Trial, grace_s: float) -> None:
    """Wait until a command has ended, for a limited time, and say what was odd about its end.

    Lines that come now are no measurements, whatever they hold. A further epoch shows that it trains on.

    Raises:
        MixedLinesError: A line has an epoch, and the lines before were counted: they may have been of steps.
    """
    seen = inside(trial)
    running.end_within(grace_s)
    further = False
    for line in running.output():
        if not _is_further(source, line, seen.total_epochs):
            continue
        if not source.counts:
            trial.log.warning("the command is ended: it goes on after its last epoch, %d", seen.total_epochs)
            return
        further = True
    if further:
        source.notices.append(
            f"more measurements of {seen.metric!r} came after the last epoch, and don't count. If not each of them is "
            "of an epoch, print the epoch in those that are"
        )
    how = running.outcome()
    if how == "" or (how is None and grace_s == 0):
        return
    if how is None:
        what = f"the command was ended {grace_s:g} s after its last epoch, for it still ran (exit_grace_s)"
        if source.counts:
            what += "; its lines have no epoch and were counted"
    else:
        what = f"after its last epoch the command ended with {how}"
    trial.log.warning(what)
    seen.said.of_end.append(what)


def _is_further(source: Source, line: str | None, last: int) -> bool:
    try:
        return any(epoch > last for epoch, _ in source.rows(line))
    except MixedLinesError:
        raise
    except ObjectiveError:
        return False
