"""When and how the chaos suite strikes, and what that has taken."""

from __future__ import annotations

import random
import signal
from collections import Counter
from dataclasses import dataclass, field

from support.chaos.studies import Kind

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@dataclass
class Toll:
    """What a torment took.

    Attributes:
        kills: By what was killed, and how.
        again: Epochs that were trained more than once.
        lost: What each kill of a driver cost, in epochs.
        mismatches: What did not come out as it has to.
    """

    kills: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    resumes: int = 0
    trials: int = 0
    epochs: int = 0
    again: int = 0
    lost: list[int] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Toll) -> None:
        """Count another torment's."""
        for name in ("kills", "studies", "resumes", "trials", "epochs", "again", "lost", "mismatches", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def table(self) -> str:
        """Return the figures as a table in Markdown."""
        rows = [
            *sorted(self.kills.items()),
            ("kills", self.kills.total()),
            ("resumes", self.resumes),
            ("studies", self.studies),
            ("trials", self.trials),
            ("epochs trained", self.epochs),
            ("epochs trained again", self.again),
            ("epochs trained again per kill, mean", f"{self.again / max(1, self.kills.total()):.2f}"),
            ("epochs trained again after a kill, most", max(self.lost, default=0)),
            ("mismatches", len(self.mismatches)),
            ("seconds", f"{self.seconds:.0f}"),
        ]
        return "\n".join(["| what | count |", "| --- | ---: |", *(f"| {what} | {count} |" for what, count in rows)])


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When to strike, whom and with what.

    Attributes:
        target: `driver`, `worker`, or `node`: Ray's raylet.
        change: Before which change of a file, counted in the driver.
        start_of: As this epoch starts: folder of its stage, trial and epoch. With neither it is struck from outside.
        epochs: After so many more epochs; None to count from the start of the command.
        delay_s: So much later.
    """

    target: str = "driver"
    number: signal.Signals = signal.SIGKILL
    change: int | None = None
    start_of: tuple[str, int, int] | None = None
    epochs: int | None = None
    delay_s: float = 0.0

    @property
    def environment(self) -> dict[str, str]:
        """What a driver finds in its environment that is to kill itself at this moment."""
        if self.start_of is not None:
            return {"CHAOS_KILL_IN": " ".join(map(str, self.start_of))}
        return {} if self.change is None else {"CHAOS_KILL_AT": str(self.change)}

    @property
    def name(self) -> str:
        """What the toll calls it."""
        where = " at a change of a file" if self.change is not None else " as an epoch starts" if self.start_of else ""
        return f"{self.number.name} to the {self.target}{where}"


class Chosen:
    """Moments in the order in which they are named; after them there is one that never comes.

    Args:
        starts_of: Of epochs: folder of the stage, trial and epoch.
    """

    def __init__(self, *starts_of: tuple[str, int, int]) -> None:
        self._left = list(starts_of)

    def draw(self) -> Moment:
        """Return the next one."""
        return Moment(start_of=self._left.pop(0) if self._left else ("", 0, 0))

    def missed(self, moment: Moment) -> None:
        """Take in that a command had ended before."""
        self._left.insert(0, moment.start_of)


class Moments:
    """Draws random moments in the lives of commands.

    Args:
        kind: Of what is tormented; with Ray workers and nodes are struck too.
        rng: What all is drawn from.
    """

    def __init__(self, kind: Kind, rng: random.Random) -> None:
        self._kind, self._rng = kind, rng
        self._deck: list[str] = []  # of targets, so that a few kills strike each of them

    def draw(self) -> Moment:
        """Return the next one."""
        rng, kind = self._rng, self._kind
        if kind.hooked and rng.random() < 0.5:
            return Moment(change=1 + int(rng.expovariate(1 / rng.choice([6, 30, 150]))))
        target = self._target() if kind.ray else "driver"
        if target != "driver":
            return Moment(target=target, epochs=rng.randint(1, 5), delay_s=rng.uniform(0, 0.5))
        number = rng.choice(list(SIGNALS)) if rng.random() < 0.4 else signal.SIGKILL
        if rng.random() < 0.4:
            return Moment(number=number, delay_s=rng.uniform(0, kind.life_s))
        epochs, delay_s = (5, 0.5) if kind.ray else (8, 0.03)
        return Moment(number=number, epochs=rng.randint(0, epochs), delay_s=rng.uniform(0, delay_s))

    def missed(self, moment: Moment) -> None:
        """Take in that a command had ended before: what was to be struck is struck next."""
        if self._kind.ray:
            self._deck.append(moment.target)

    def _target(self) -> str:
        if not self._deck:
            self._deck = ["driver"] * 3 + ["worker"] * 11 + ["node"]
            self._rng.shuffle(self._deck)
        return self._deck.pop()
