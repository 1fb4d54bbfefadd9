"""The ensemble of a study and the readings of its test split, as values. The store holds them as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hpsearch.selection.score import Score
from hpsearch.trial.trial import Stage

TrialKey = tuple[Stage, int]
"""A stage, and the number of one of its trials."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """The scores of a vote and of its members on one split.

    Attributes:
        ensemble: Of the vote.
        best_single: Of the member that is best on `val`, which would be shipped without an ensemble.
        mean_single: The mean of the members' scores.
    """

    ensemble: Score
    best_single: Score
    mean_single: Score

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Scores:
        """Return the scores that `as_dict` wrote."""
        return cls(**{name: Score(**score) for name, score in stored.items()})

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A checkpoint in the ensemble.

    Attributes:
        stage: Of the trial that saved the checkpoint.
        number: Of that trial, in its stage.
        trial: The search trial with the same config.
        weight: At least 0; the weights of all members sum to 1.
        checkpoint: Its path, relative to the study's folder.
    """

    stage: Stage
    number: int
    trial: int
    seed: int
    weight: float
    checkpoint: str

    @property
    def key(self) -> TrialKey:
        """The trial that saved the checkpoint."""
        return self.stage, self.number

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Member:
        """Return the member that `as_dict` wrote."""
        return cls(**{**stored, "stage": Stage(stored["stage"])})

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {**asdict(self), "stage": self.stage.value}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ensemble:
    """Checkpoints that vote, chosen on `val`.

    Attributes:
        candidates: The trials from which the members were chosen.
        members: Best first.
        vote: `soft` or `hard`.
        val: The scores on `val`.
    """

    candidates: tuple[TrialKey, ...]
    members: tuple[Member, ...]
    vote: str
    val: Scores

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Ensemble:
        """Return the ensemble that `as_dict` wrote."""
        return cls(
            candidates=_keys(stored["candidates"]),
            members=tuple(map(Member.from_dict, stored["members"])),
            vote=stored["vote"],
            val=Scores.from_dict(stored["val"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "candidates": _pairs(self.candidates),
            "members": [member.as_dict() for member in self.members],
            "vote": self.vote,
            "val": self.val.as_dict(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A reading of the test split.

    Attributes:
        members: The trials whose checkpoints voted.
        weights: Of the members.
        vote: `soft` or `hard`.
        scores: None for a reading that was broken off.
        trials: The search's total at that time.
        seen_before: Whether an earlier reading was known when these members were chosen. If so, the scores may flatter.
    """

    members: tuple[TrialKey, ...]
    weights: tuple[float, ...]
    vote: str
    scores: Scores | None
    trials: int
    seen_before: bool

    def is_of(self, ensemble: Ensemble) -> bool:
        """Return whether these are the ensemble's members, weights and vote."""
        members = tuple(member.key for member in ensemble.members)
        weights = tuple(member.weight for member in ensemble.members)
        return (self.members, self.weights, self.vote) == (members, weights, ensemble.vote)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Reading:
        """Return the reading that `as_dict` wrote."""
        scores = stored["scores"]
        return cls(
            members=_keys(stored["members"]),
            weights=tuple(stored["weights"]),
            vote=stored["vote"],
            scores=None if scores is None else Scores.from_dict(scores),
            trials=stored["trials"],
            seen_before=stored["seen_before"],
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "members": _pairs(self.members),
            "weights": list(self.weights),
            "vote": self.vote,
            "scores": None if self.scores is None else self.scores.as_dict(),
            "trials": self.trials,
            "seen_before": self.seen_before,
        }


def _keys(stored: list[list[Any]]) -> tuple[TrialKey, ...]:
    return tuple((Stage(stage), number) for stage, number in stored)


def _pairs(keys: tuple[TrialKey, ...]) -> list[list[Any]]:
    return [[stage.value, number] for stage, number in keys]
