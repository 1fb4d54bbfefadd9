"""The search: it proposes configs and trains them, in several rounds if the space file asks for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hpsearch.config.config import StudyConfig
from hpsearch.driver.dispatch import Dispatcher
from hpsearch.driver.proposals import Proposals
from hpsearch.driver.session import Session
from hpsearch.errors import BudgetSpentError, SpaceUsedUpError, StudyError
from hpsearch.samplers.edges import Edge, in_words
from hpsearch.samplers.rounds import Round
from hpsearch.selection.ranking import top
from hpsearch.selection.rules import local_rules
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
        raise StudyError(
            f"none of {len(records)} trials ended with a value ({_counted(records)}){first}; "
            "see their logs; these trials stay as they are, so fix it and start anew, or resume with more --trials"
        )
    found = f"best {config.metric} {best[0].value:.4f}, trial {best[0].number}"
    session.publish(StageEnded(stage="search", summary=f"{len(records)} trials ({_counted(records)}); {found}"))


def _seeds(config: StudyConfig) -> Callable[[int], int]:
    return lambda number: derive_seed(config.seed, Stage.SEARCH, number, 0)


def _run_round(session: Session, proposals: Proposals, one: Round) -> None:
    """Train what is left of a round, up to the last config of the space."""
    config, seed_of = session.study.config, _seeds(session.study.config)
    done = sum(record.state is not State.RUNNING for record in session.study.store.records(Stage.SEARCH))
    total = known_total(config, proposals.total, session.study.limits)
    session.publish(StageStarted(stage="search", total=total, done=done, epochs=one.epochs))
    refused: list[int] = []  # trials that the budget had no room for

    def plan(number: int) -> TrialRecord | None:
        try:
            proposal = proposals.propose(number)
        except SpaceUsedUpError as error:
            what = "search" if proposals.use_up(number) else "round"
            session.publish(Notice(message=f"{error}; the {what} ends with {counted(number, 'trial')}"))
            return None
        if session.no_room(Stage.SEARCH, number, one.epochs):
            refused.append(number)
            return None
        return TrialRecord(
            stage=Stage.SEARCH,
            number=number,
            state=State.RUNNING,
            params=proposal.params,
            seed=seed_of(number),
            asked=proposal.asked,
        )

    rules, space = local_rules(config, one.epochs), one.space(config.space)
    while True:
        refused.clear()
        Dispatcher(session, Stage.SEARCH, rules, epochs=one.epochs, space=space).run(proposals.numbers(one), plan)
        # The trials that were out then have ended, and some of them early: there may be room now.
        why_not = session.no_room(Stage.SEARCH, refused[0], one.epochs) if refused else ""
        if why_not:
            proposals.end(refused[0])
            session.publish(Notice(message=f"{why_not}; the search ends with {counted(refused[0], 'trial')}"))
        if why_not or not refused:
            return


def _reason(following: Round, edges: Sequence[Edge], explored: Space) -> str:
    """Return in words why another round begins."""
    what = f"{counted(following.trials, 'more trial')} x {counted(following.epochs, 'epoch')}"
    if following.kind == "expand":
        return f"{'; '.join(in_words(edges, explored))}: {what} there"
    return f"{what} around the best so far"


def _counted(records: Sequence[TrialRecord]) -> str:
    counts = [(reason, sum(r.stop_reason is reason for r in records)) for reason in StopReason]
    return ", ".join(f"{count} {reason}" for reason, count in counts if count)
