"""The parts of a study that must not depend on faults: its stored trials, and its trained epochs."""

from __future__ import annotations

from pathlib import Path

from hpsearch.study.study import load_study
from hpsearch.trial.trial import Stage


def outcome(folder: Path) -> dict[tuple[Stage, int], tuple]:
    """Return params, seed, values, end and origin of every trial."""
    study = load_study(folder)
    found = {
        (stage, r.number): (r.params, r.seed, r.value, r.stop_reason, dict(r.values), r.source, r.replicate)
        for stage in Stage
        for r in study.store.records(stage)
    }
    study.close()
    return found


def trained(cli) -> list[tuple[str, str, int, int]]:
    """Return the epochs that `climb` trained: stage folder, trial, epoch, attempt."""
    lines = [line.split() for line in cli.audited()]
    return [(stage, n, int(epoch), int(attempt.removeprefix("attempt-"))) for stage, n, epoch, attempt in lines]
