"""Which code trained which trial, and a warning if it changes during a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpsearch.driver.session import Session
from hpsearch.system.git import CodeState
from hpsearch.trial.events import Notice, TrialStarted
from hpsearch.trial.trial import Stage


class CodeDrift:
    """Stores which code each trial ran, and warns of code that is new to the study.

    Args:
        session: The study.

    Attributes:
        latest: The code of the last trial. The next trial most likely runs it too, so that it is stored with that one.
    """

    def __init__(self, session: Session) -> None:
        self._store, self._publish = session.study.store, session.publish
        known = [r.code for stage in Stage for r in self._store.records(stage) if r.code is not None]
        first = self._store.get("code")
        self._seen = {state for state in map(CodeState.from_dict, [first, *known]) if state is not None}
        own = session.study.config.objective.built_in  # its version says which code it is
        self.latest: Mapping[str, Any] | None = None if own else known[-1] if known else first

    def trial_started(self, event: TrialStarted) -> None:
        """Store the code that a trial runs."""
        self._store.put_code(event.stage, event.number, event.code)
        state = CodeState.from_dict(event.code)
        if state is None:
            return
        if self._seen and state not in self._seen:
            before = CodeState.from_dict(self.latest)
            self._publish(
                Notice(
                    message=f"the code has changed: {event.stage} trial {event.number} runs {state}, trials before it "
                    f"{before}; their values may not compare (run --snapshot keeps a study on one copy of the code)"
                )
            )
        self._seen.add(state)
        self.latest = event.code
