"""The finalists: the best configs retrained with several seeds, to their end."""

from __future__ import annotations

from hpsearch.driver.dispatch import Dispatcher
from hpsearch.driver.session import Session
from hpsearch.selection.ranking import identical_replicates, top, winner
from hpsearch.selection.rules import divergence_rule
from hpsearch.trial.events import Notice, StageEnded, StageStarted
from hpsearch.trial.seeding import derive_seed
from hpsearch.trial.trial import Params, Stage, State, TrialRecord


def finalists(session: Session) -> None:
    """Retrain the best configs. A divergence ends a finalist early, a stall does not."""
    config, store = session.study.config, session.study.store
    if config.finalists is None:
        session.publish(StageEnded(stage="finalists", summary="skipped: the space file has finalists: null"))
        return
    best = top(store.records(Stage.SEARCH), config.direction, config.finalists.configs)
    wanted = [(record.number, replicate) for record in best for replicate in range(config.finalists.seeds)]
    numbers = {(r.source, r.replicate): r.number for r in store.records(Stage.FINALISTS)}
    for pair in wanted:  # an extended study may have other finalists: new ones take the next numbers
        numbers.setdefault(pair, len(numbers))
    pairs = {numbers[pair]: pair for pair in wanted}
    begun = {record.number for record in store.records(Stage.FINALISTS)}
    to_run = sorted(begun & pairs.keys() if store.get("finalists_end") else pairs)
    params = {record.number: record.params for record in best}
    done = sum(r.state is not State.RUNNING for r in store.records(Stage.FINALISTS) if r.number in pairs)
    session.publish(StageStarted(stage="finalists", total=len(pairs), done=done, epochs=config.objective.epochs))

    def plan(number: int) -> TrialRecord | None:
        why_not = session.no_room(Stage.FINALISTS, number, config.objective.epochs)
        if why_not:
            store.put("finalists_end", True)  # noqa: FBT003 - an attribute's value
            first = sum(other < number for other in pairs)
            session.publish(Notice(message=f"{why_not}; the finalists end with the first {first} of {len(pairs)}"))
            return None
        source, replicate = pairs[number]
        return new_replicate(number, params[source], config.seed, source, replicate)

    Dispatcher(session, Stage.FINALISTS, (divergence_rule(config),), space=session.study.explored_space).run(
        to_run, plan
    )
    _report(session)


def new_replicate(number: int, params: Params, study_seed: int, source: int, replicate: int) -> TrialRecord:
    """Return a finalist's trial that is not stored yet; its seed is one of its own.

    Args:
        params: Of the search trial whose config it retrains.
        source: The number of that search trial.
        replicate: From 0.
    """
    return TrialRecord(
        stage=Stage.FINALISTS,
        number=number,
        state=State.RUNNING,
        params=params,
        seed=derive_seed(study_seed, Stage.FINALISTS, source, replicate),
        source=source,
        replicate=replicate,
    )


def _report(session: Session) -> None:
    config = session.study.config
    found = session.study.ranked_finalists
    for one in found:
        if identical_replicates([r.values for r in session.study.replicates(one.source)]):
            session.publish(
                Notice(
                    message=f"finalist {one.source}: replicates with different seeds came out bitwise equal; "
                    "the objective does not use its seed, so their deviation says nothing"
                )
            )
    best = winner(found, config.direction)
    if not found and session.study.store.get("finalists_end"):
        summary = "none was trained, for the budget had no room"
    elif best is None:
        summary = "no finalist ended with a value"
    else:
        spread = "" if best.statistics.std is None else f" ± {best.statistics.std:.4f}"
        mean = f"mean {config.metric} {best.statistics.mean:.4f}{spread}"
        summary = f"winner trial {best.source}: {mean} over {best.statistics.n} seeds"
    session.publish(StageEnded(stage="finalists", summary=summary))
