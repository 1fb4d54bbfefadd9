"""Ends a search with `budget: {stop: auto}` when going on is expected to bring less than the noise of a seed.

Which trials have been looked at is stored, as is the end itself, before anything else happens: after a kill the same
things are looked at in the same order. Where no rule compares rivals, the decision is a function of the measurements
alone. Otherwise it depends on how far promoted trials had come when the last of the trials before had ended its leg.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from hpsearch.driver.auto_legs import AutoLegs
from hpsearch.driver.proposals import Proposals
from hpsearch.driver.session import Session
from hpsearch.selection.enough import AHEAD, FEWEST_TRIALS, Worth
from hpsearch.study.going_on import ENOUGH, OUTLOOK, is_enough, is_last, worth_of
from hpsearch.text import counted
from hpsearch.trial.events import Notice
from hpsearch.trial.trial import Stage, State, TrialRecord

_CHECKED = "enough_checked"  # trials that have been looked at; with sampler auto, epochs
_SHARE = 20  # the next look comes after a twentieth more trials


class EnoughWatch:
    """Watches one round of a search.

    Args:
        session: The study.
        proposals: Of the search.
        auto: The legs of `sampler: auto`; None for other samplers.
    """

    def __init__(self, session: Session, proposals: Proposals, auto: AutoLegs | None) -> None:
        self._session, self._proposals, self._auto = session, proposals, auto
        self._study, self._store = session.study, session.study.store
        self._round = proposals.unfinished
        self._settled = 0  # so many trials of the round have ended or paused, by number
        self._is_on = (
            self._store.get(ENOUGH) is None  # a search that was ended and reopened goes on to its new goals
            and self._study.limits.stop == "auto"
            and is_last(self._study.config, proposals.rounds)
        )

    @property
    def has_ended(self) -> bool:
        """Whether the search was ended because going on was not worth it."""
        return is_enough(self._study)

    def complete(self) -> None:
        """Finish what a killed driver began: the decision is stored before the search's end."""
        if self.has_ended and self._store.get("search_end") is None:
            self._proposals.end(self._store.get(ENOUGH)["count"])

    def check(self) -> bool:
        """Return whether the search ends here, or has ended; if it ends, that is stored, and told."""
        if not self._is_on:
            return self.has_ended
        found = self._found()
        if found is None:
            return False
        self._is_on = False
        count = len(self._store.records(Stage.SEARCH))
        self._store.put(ENOUGH, {**asdict(found), "count": count, "ended": True})
        self._proposals.end(count)
        self._session.publish(Notice(message=f"{found}; the search ends with {counted(count, 'trial')}"))
        return True

    def _found(self) -> Worth | None:
        """Return what going on is worth if that is too little."""
        trials = self._store.records(Stage.SEARCH)[self._round.start :]
        found = self._by_trials(trials) if self._auto is None else self._by_model(self._auto, trials)
        return found if found is not None and found.enough else None

    def _by_trials(self, trials: Sequence[TrialRecord]) -> Worth | None:
        while self._settled < len(trials) and _has_settled(trials[self._settled]):
            self._settled += 1
        following = self._following(self._store.get(_CHECKED) or 0)
        while following <= self._settled:
            found = worth_of(self._study, self._proposals.rounds, following)
            if found is not None and found.enough:
                return found
            self._store.put(_CHECKED, self._round.start + following)
            following = self._following(self._round.start + following)
        return None

    def _following(self, checked: int) -> int:
        """Return how many trials of the round are looked at next."""
        count = checked - self._round.start
        return FEWEST_TRIALS if count < FEWEST_TRIALS else count + max(1, count // _SHARE)

    def _by_model(self, auto: AutoLegs, trials: Sequence[TrialRecord]) -> Worth | None:
        """Ask the model each time that as much has been trained as a full training."""
        epochs, trained = self._round.epochs, auto.trained
        due = max(AHEAD * epochs, (self._store.get(_CHECKED) or 0) + epochs)
        if len(trials) < FEWEST_TRIALS or trained < due:
            return None
        found = auto.worth()
        if found is None or not found.enough:
            self._store.put(_CHECKED, trained)
        return found

    def keep_outlook(self) -> None:
        """Store what the model of `sampler: auto` says at the end of the search, for `show` has no model."""
        known = self._store.get(OUTLOOK)
        if self._auto is None or (known and known["trials"] == len(self._store.records(Stage.SEARCH))):
            return
        found = self._auto.worth()
        if found is not None:
            self._store.put(OUTLOOK, asdict(found))


def _has_settled(record: TrialRecord) -> bool:
    return record.state is not State.RUNNING or record.paused_at is not None
