"""How many CPU cores a study may use beside the others of this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hpsearch.executors.machine.claims import Claim
from hpsearch.text import counted


class Cores:
    """The cores that this process may use.

    Args:
        claims: What other studies have claimed.
        mine: The numbers of the cores; None for those of this process.
    """

    def __init__(self, claims: Sequence[Claim] = (), mine: tuple[int, ...] | None = None) -> None:
        self.mine = _mine() if mine is None else mine
        # Studies that a batch queue gave cores of their own take none from each other.
        self._users = [(claim, min(claim.cpus, len({*claim.cores} & {*self.mine}))) for claim in claims]

    @property
    def used(self) -> int:
        """How many of the cores other studies have claimed."""
        return min(len(self.mine), sum(count for _, count in self._users))

    @property
    def left(self) -> int:
        """How many cores are left, at least 1: a study that was started goes on."""
        return max(1, len(self.mine) - self.used)

    def notice(self, effect: str) -> str:
        """Return a line on the cores that others use and what follows from it; empty if nobody uses any."""
        if not self.used:
            return ""
        whose = ", ".join(claim.text for claim, count in self._users if count)
        are = "is" if self.used == 1 else "are"
        return f"{self.used} of {counted(len(self.mine), 'core')} {are} used by {whose}: {effect}"


def _mine() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
