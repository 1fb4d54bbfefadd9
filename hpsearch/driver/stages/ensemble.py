"""The ensemble: the best checkpoints vote. `val` chooses members and weights; `test` is read after they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.driver.checkpoints import KeptCheckpoint, best_checkpoints
from hpsearch.driver.predictions import UnreadableError, predict_all
from hpsearch.driver.session import Session
from hpsearch.errors import StudyError
from hpsearch.selection.ranking import top
from hpsearch.selection.score import Score
from hpsearch.study.ensemble import Ensemble, Member, Reading, Scores
from hpsearch.trial.events import Notice, StageEnded, StageStarted
from hpsearch.trial.trial import Stage, TrialRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Predictions = tuple[NDArray[np.float64], NDArray[np.int64]]


def ensemble(session: Session) -> None:
    """Choose the members and their weights, store them, then read the test split once."""
    why_not = _why_not(session)
    candidates = [] if why_not else best_checkpoints(session, _candidates(session))
    if candidates:
        session.publish(StageStarted(stage="ensemble", total=len(candidates), done=0, epochs=0))
    while candidates:
        try:
            chosen = _choose(session, candidates)
            scores = _read_test(session, candidates, chosen)
        except UnreadableError as error:
            for problem in error.problems.values():
                session.publish(Notice(message=f"{problem}; the vote goes without it"))
            candidates = [c for c in candidates if (c.record.stage, c.record.number) not in error.problems]
        else:
            session.publish(StageEnded(stage="ensemble", summary=_summary(chosen, scores)))
            return
    why_not = why_not or "no checkpoint of a trial that can win is on disk and can be read"
    session.publish(StageEnded(stage="ensemble", summary=f"skipped: {why_not}"))


def _why_not(session: Session) -> str:
    if session.study.config.ensemble is None:
        return "the space file has ensemble: null"
    if not session.can_predict:
        return "the objective has no predict(checkpoint, split), which a vote needs"
    return ""


def _candidates(session: Session) -> list[TrialRecord]:
    """Return the finalists' trials, or the best search trials where there are none."""
    sources = sorted(one.source for one in session.study.ranked_finalists)
    found = [record for source in sources for record in session.study.replicates(source) if record.eligible]
    if session.study.config.finalists is None or (not found and session.study.store.get("finalists_end")):
        return top(
            session.study.store.records(Stage.SEARCH),
            session.study.config.direction,
            session.study.config.keep_checkpoints,
        )
    return found


def _choose(session: Session, candidates: Sequence[KeptCheckpoint]) -> Ensemble:
    """Return the ensemble of these candidates; it is stored, and chosen again only for other candidates."""
    from hpsearch.selection import voting

    study = session.study
    settings = study.config.ensemble
    assert settings is not None  # noqa: S101 - the stage is skipped without
    keys = tuple((c.record.stage, c.record.number) for c in candidates)
    stored = study.ensemble
    if stored is not None and stored.candidates == keys:
        return stored
    probabilities, labels = _predictions(session, candidates, "val")
    indices = voting.select(probabilities, labels, settings.members)
    weights = voting.weigh(probabilities[indices], labels, settings.weights)
    chosen = Ensemble(
        candidates=keys,
        members=tuple(
            _member(candidates[index], float(weight), study.folder)
            for index, weight in zip(indices, weights, strict=True)
        ),
        vote=settings.vote,
        val=_score(probabilities[indices], labels, weights, settings.vote, best=0),
    )
    study.store.put("ensemble", chosen.as_dict())
    return chosen


def _member(checkpoint: KeptCheckpoint, weight: float, folder: Path) -> Member:
    record = checkpoint.record
    return Member(
        stage=record.stage,
        number=record.number,
        trial=record.number if record.source is None else record.source,
        seed=record.seed,
        weight=weight,
        checkpoint=f"{checkpoint.folder.relative_to(folder)}/{checkpoint.file}",
    )


def _read_test(session: Session, candidates: Sequence[KeptCheckpoint], chosen: Ensemble) -> Scores:
    """Read the test split for an ensemble that has not been scored yet; the reading is stored before it is made."""
    import numpy as np

    readings = session.study.test_readings
    place = next((at for at, reading in enumerate(readings) if reading.is_of(chosen)), len(readings))
    if place == len(readings):
        # Later readings come after somebody may have looked at the earlier scores: they are not blind any more.
        new = Reading(
            members=tuple(member.key for member in chosen.members),
            weights=tuple(member.weight for member in chosen.members),
            vote=chosen.vote,
            scores=None,
            trials=session.study.store.get("trials", session.trials),
            seen_before=bool(readings),
        )
        readings.append(new)
        _store(session, readings)
    current = readings[place]
    if current.scores is not None:
        return current.scores
    by_key = {(c.record.stage, c.record.number): c for c in candidates}
    probabilities, labels = _predictions(session, [by_key[key] for key in current.members], "test")
    scores = _score(probabilities, labels, np.asarray(current.weights), chosen.vote, best=0)
    readings[place] = replace(current, scores=scores)
    _store(session, readings)
    return scores


def _store(session: Session, readings: Sequence[Reading]) -> None:
    session.study.store.put("test_readings", [reading.as_dict() for reading in readings])


def _score(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], weights: NDArray[np.float64], vote: Any, *, best: int
) -> Scores:
    """Return the vote's scores beside those of its members.

    Args:
        probabilities: (n_members, n_samples, n_classes).
        best: The member that is best on `val`: what one would ship without an ensemble.
    """
    from hpsearch.selection import voting

    together = voting.vote(probabilities, weights, vote)
    classes = voting.predict_classes(probabilities, weights, vote)
    single = [voting.score(one, labels) for one in probabilities]
    mean = Score(
        accuracy=sum(s.accuracy for s in single) / len(single),
        log_loss=sum(s.log_loss for s in single) / len(single),
        n=single[0].n,
    )
    return Scores(ensemble=voting.score(together, labels, classes), best_single=single[best], mean_single=mean)


def _predictions(session: Session, checkpoints: Sequence[KeptCheckpoint], split: str) -> Predictions:
    """Return the candidates' probabilities (n_candidates, n_samples, n_classes) and the labels (n_samples,)."""
    import numpy as np

    paths = predict_all(session, checkpoints, split)
    arrays = []
    for checkpoint in checkpoints:
        with np.load(paths[checkpoint.record.stage, checkpoint.record.number], allow_pickle=False) as file:
            arrays.append((file["probabilities"], file["labels"]))
    labels = arrays[0][1]
    if any(not np.array_equal(labels, other) for _, other in arrays):
        raise StudyError(f"predict(checkpoint, {split!r}) gave different labels for different checkpoints")
    shapes = {probabilities.shape for probabilities, _ in arrays}
    if len(shapes) > 1:
        raise StudyError(f"predict(checkpoint, {split!r}) gave probabilities of different shapes: {sorted(shapes)}")
    return np.stack([probabilities for probabilities, _ in arrays]), labels


def _summary(chosen: Ensemble, scores: Scores) -> str:
    return (
        f"{len(chosen.members)} members; test accuracy {scores.ensemble.accuracy:.4f} "
        f"(best single {scores.best_single.accuracy:.4f}) on {scores.ensemble.n} samples"
    )
