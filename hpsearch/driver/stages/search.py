"""The search: it proposes configs and trains them, in several rounds if the space file asks for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hpsearch.config.config import StudyConfig
from hpsearch.driver.auto_legs import AutoLegs
from hpsearch.driver.dispatch import Dispatcher
from hpsearch.driver.enough import EnoughWatch
from hpsearch.driver.legs import GoOn, RivalLegs
from hpsearch.driver.proposals import Proposals
from hpsearch.driver.session import Session
from hpsearch.errors import BudgetSpentError, SpaceUsedUpError, StudyError, TrialsFailedError
from hpsearch.samplers.edges import Edge, in_words
from hpsearch.samplers.rounds import Round
from hpsearch.selection.ranking import top
from hpsearch.selection.rules import local_rules, rival_rule
from hpsearch.space.space import Space
from hpsearch.study.outcome import known_total
from hpsearch.text import counted
from hpsearch.trial.events import Notice, StageEnded, StageStarted
from hpsearch.trial.seeding import derive_seed
from hpsearch.trial.trial import Stage, State, StopReason, TrialRecord


def search(session: Session) -> None:
    """Train the configs of all rounds, except those that are done.

    Raises:
        StudyError: No trial ended with a value.
    """
    config, store = session.study.config, session.study.store
    proposals = Proposals(session.study, store.get("trials_given"))
    store.repair(proposals.space, proposals.draw, _seeds(config))
    EnoughWatch(session, proposals, None).complete()
    if store.get("trials") != proposals.total and store.get("search_end") is not None:
        store.put("trials", proposals.total)  # an earlier driver was killed in the middle of `proposals.end`
    following: Round | None = proposals.unfinished
    while following is not None:
        _run_round(session, proposals, following)
        following, edges = proposals.next_round()
        if following is not None:
            proposals.begin(following)
            session.publish(Notice(message=_reason(following, edges, proposals.explored)))
    records = store.records(Stage.SEARCH)
    best = top(records, config.direction, 1)
    if not records and store.get("search_end") is not None:
        raise BudgetSpentError("the budget was spent before the first trial", session.study.limits.doubled)
    if not records:
        raise StudyError(
            "search.warm_start knows every config of the space; allowed: a larger space, or search.warm_start.best "
            "above 0 to train the best of them again"
        )
    if not best:
        first = next((f"; the first error: {r.error}" for r in records if r.error), "")
        raise TrialsFailedError(
            f"none of {len(records)} trials ended with a value ({_counted(records)}){first}",
            "see their logs; these trials stay as they are, so fix it and start anew, or resume with more --trials",
        )
    found = f"best {config.metric} {best[0].value:.4f}, trial {best[0].number}"
    session.publish(StageEnded(stage="search", summary=f"{len(records)} trials ({_counted(records)}); {found}"))


def _seeds(config: StudyConfig) -> Callable[[int], int]:
    return lambda number: derive_seed(config.seed, Stage.SEARCH, number, 0)


def _run_round(session: Session, proposals: Proposals, one: Round) -> None:
    """Train what is left of a round, up to the last config of the space."""
    study = session.study
    done = sum(record.state is not State.RUNNING for record in study.store.records(Stage.SEARCH))
    total = known_total(study.config, proposals.total, study.limits)
    session.publish(StageStarted(stage="search", total=total, done=done, epochs=one.epochs))
    running = _RunningRound(session, proposals)
    while running.train():
        pass


class _RunningRound:
    """A round of the search while it is trained."""

    def __init__(self, session: Session, proposals: Proposals) -> None:
        self._session, self._proposals = session, proposals
        self._round = proposals.unfinished
        self._auto: AutoLegs | None = None
        self._watch = EnoughWatch(session, proposals, None)
        self._config = session.study.config
        self._refused: list[tuple[int, int]] = []  # trials, and their epochs, that the budget had no room for

    def train(self) -> bool:
        """Train all that the budget has room for; return whether there may be more to train."""
        self._refused.clear()
        self._round = self._proposals.unfinished
        numbers = self._proposals.numbers(self._round)
        dispatcher = self._dispatcher(numbers)
        dispatcher.run(numbers, self._plan, self._may_go_on)
        if self._refused:
            # The trials that were out then have ended, and some of them early: there may be room now.
            number, epochs = self._refused[0]
            why_not = self._session.no_room(Stage.SEARCH, number, epochs)
            if not why_not:
                return True
            self._end_search(why_not)
        if len(self._proposals.numbers(self._proposals.unfinished)) < len(numbers):
            return True  # rules that wait for all trials now know how many there are
        self._watch.keep_outlook()  # before paused trials end: they may still win
        return dispatcher.leave()

    def _dispatcher(self, numbers: range) -> Dispatcher:
        one = self._round
        is_open = known_total(self._config, self._proposals.total, self._session.study.limits) is None
        total = None if is_open else len(numbers)
        self._auto = self._auto_legs(numbers, total) if self._config.search.sampler == "auto" else None
        self._watch = EnoughWatch(self._session, self._proposals, self._auto)
        if self._auto is not None and self._watch.has_ended:
            self._auto.stop()
        rule = None if self._auto else rival_rule(self._config, one.epochs, one.start, total, self._config.direction)
        return Dispatcher(
            self._session,
            Stage.SEARCH,
            local_rules(self._config, one.epochs),
            epochs=one.epochs,
            space=one.space(self._config.space),
            legs=self._auto or RivalLegs(rule, self._config.direction, one.epochs),
        )

    def _auto_legs(self, numbers: range, total: int | None) -> AutoLegs:
        """Return the legs of a search with `sampler: auto`."""
        study, config = self._session.study, self._config
        epochs = None if total is None else config.search.auto_epochs(total, self._round.epochs)
        return AutoLegs(
            self._proposals.chooser(),
            lambda: study.store.records(Stage.SEARCH),
            lambda: self._session.executor().free,
            numbers.stop,
            epochs,
            1 if config.finalists is None else config.finalists.configs,
            config.direction,
        )

    def _plan(self, number: int) -> TrialRecord | None:
        if self._is_enough():
            return None
        try:
            proposal = self._auto.proposal(number) if self._auto else self._proposals.propose(number)
        except SpaceUsedUpError as error:
            what = "search" if self._proposals.use_up(number) else "round"
            self._session.publish(Notice(message=f"{error}; the {what} ends with {counted(number, 'trial')}"))
            return None
        if not self._has_room(number, self._round.epochs):
            return None
        return TrialRecord(
            stage=Stage.SEARCH,
            number=number,
            state=State.RUNNING,
            params=proposal.params,
            seed=_seeds(self._config)(number),
            asked=proposal.asked,
        )

    def _may_go_on(self, ready: GoOn) -> bool:
        # Rivals have shown that it is worth its next leg; the model of sampler auto has shown that none is. But what
        # leads is trained to its end all the same, so that it can win.
        if self._auto is not None and ready.until < self._round.epochs and self._is_enough():
            return False
        return self._has_room(ready.number, ready.until - ready.paused_at)

    def _is_enough(self) -> bool:
        """Return whether going on is not worth it; then the search ends with the trials that have begun."""
        enough = self._watch.check()
        if enough and self._auto is not None:
            self._auto.stop()
        return enough

    def _has_room(self, number: int, epochs: int) -> bool:
        if not self._session.no_room(Stage.SEARCH, number, epochs):
            return True
        self._refused.append((number, epochs))
        return False

    def _end_search(self, why_not: str) -> None:
        """Store that the search ends with the trials that have begun."""
        if self._session.study.store.get("search_end") is not None:
            return
        count = len(self._session.study.store.records(Stage.SEARCH))
        self._proposals.end(count)
        self._session.publish(Notice(message=f"{why_not}; the search ends with {counted(count, 'trial')}"))


def _reason(following: Round, edges: Sequence[Edge], explored: Space) -> str:
    """Return in words why another round begins."""
    what = f"{counted(following.trials, 'more trial')} x {counted(following.epochs, 'epoch')}"
    if following.kind == "expand":
        return f"{'; '.join(in_words(edges, explored))}: {what} there"
    return f"{what} around the best so far"


def _counted(records: Sequence[TrialRecord]) -> str:
    counts = [(reason, sum(r.stop_reason is reason for r in records)) for reason in StopReason]
    return ", ".join(f"{count} {reason}" for reason, count in counts if count)
