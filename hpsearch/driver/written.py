"""Which files in a folder were written by two trials, as far as that is certain."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.driver.session import Publish
from hpsearch.text import counted
from hpsearch.trial.events import Event, Notice, TrialEvent, TrialPaused, TrialScored, TrialStarted
from hpsearch.trial.trial import Key

_MOST_FILES = 20_000  # beyond, to look at all of them takes longer than a short trial
_NO_OUTPUT = frozenset((".git", "__pycache__", "node_modules", "site-packages", ".venv", "venv"))
_ENDINGS = (".pyc", ".lock")
_SHOWN = 3

_State = Mapping[str, tuple[int, int]]
"""Time of the last change in ns and size, by path."""


@dataclass(slots=True)
class WrittenFiles:
    """Looks at a folder whenever a trial begins or ends.

    What changes between two looks was written by a trial that ran then. If no single trial can have made all changes
    of a file, two have. Files of trials that always ran at the same time are not told apart, and not named.

    Args:
        folder: Where trials may write.
        besides: A folder whose files don't count.
        publish: Gets each event.
        cure: What helps, for the notice.
    """

    folder: Path
    besides: Path
    publish: Publish
    cure: str
    _known: _State | None = field(init=False)
    _running: set[Key] = field(init=False, default_factory=set)
    _suspects: dict[str, set[Key]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._known = self._state()

    @classmethod
    def of(cls, objective: ObjectiveSection, besides: Path, publish: Publish) -> Self:
        """Begin to look at an objective's working directory.

        Args:
            besides: A folder whose files don't count.
            publish: Gets each event.
        """
        cure = "write into trial.dir, where each has a folder of its own"
        if objective.own_processes:
            cure = "objective.workdir: trial runs each in a folder of its own, or give the command {trial_dir}"
        return cls(Path(getattr(objective, "cwd", None) or Path.cwd()), besides, publish, cure)

    def pass_on(self, event: Event) -> None:
        """Look at the folder if a trial begins or ends, and publish the event."""
        if isinstance(event, (TrialStarted, TrialPaused, TrialScored)):
            self._look(event)
        self.publish(event)

    def warn(self) -> None:
        """Publish a notice that names the files that two trials have written, if there are any."""
        shared = sorted(path for path, suspects in self._suspects.items() if not suspects)
        if not shared:
            return
        names = ", ".join(shared[:_SHOWN])
        more = f" and {counted(len(shared) - _SHOWN, 'more file')}" if len(shared) > _SHOWN else ""
        self.publish(Notice(message=f"several trials wrote {names}{more} in {self.folder}; {self.cure}"))

    def _look(self, event: TrialEvent) -> None:
        if isinstance(event, TrialStarted):
            self._running.add(event.key)
        state = None if self._known is None else self._state()
        if state is not None and self._known is not None:
            for path in (path for path, one in state.items() if self._known.get(path) != one):
                self._suspects[path] = self._suspects.get(path, self._running) & self._running
        self._known = state
        if not isinstance(event, TrialStarted):
            self._running.discard(event.key)

    def _state(self) -> _State | None:
        """Return the state of all files; None if there are too many."""
        found: dict[str, tuple[int, int]] = {}
        for top, folders, files in os.walk(self.folder):
            folders[:] = [name for name in folders if name not in _NO_OUTPUT and Path(top, name) != self.besides]
            for name in files:
                if name.endswith(_ENDINGS):
                    continue
                path = Path(top, name)
                try:
                    seen = path.lstat()
                except OSError:
                    continue
                found[str(path.relative_to(self.folder))] = seen.st_mtime_ns, seen.st_size
                if len(found) > _MOST_FILES:
                    return None
        return found
