"""The vote of an ensemble: its members, their weights and their common prediction. Pure NumPy.

Shapes throughout: probabilities (n_members, n_samples, n_classes), each row a distribution over classes; labels
(n_samples,), integers from 0; weights (n_members,), at least 0, with sum 1.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpsearch.selection.score import Score

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
WeightKind = Literal["uniform", "accuracy", "confidence"]
VoteKind = Literal["soft", "hard"]

# As in sklearn.metrics.log_loss for float32, the dtype of networks: a score must not change with a file's dtype.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
_ROW_SUM_TOLERANCE = 1e-2  # a softmax in bfloat16 is off by up to 2**-8; logits are off by far more
_WEIGHT_SUM_TOLERANCE = 1e-6
_TIE_TOLERANCE = 1e-12  # far above the effect of a sum's order, far below the effect of one sample on a weight
_ENSEMBLE_NDIM, _TABLE_NDIM = 3, 2


def select(probabilities: Floats, labels: Integers, members: int) -> list[int]:
    """Return the indices of the best members, best first.

    Args:
        probabilities: Of all candidates.
        labels: Of the same samples.
        members: The most members to return.

    Returns:
        Indices by accuracy; ties go to the lower log loss, then to the lower index.

    Raises:
        ValueError: A shape does not fit, rows are not distributions, or members is below 1.
    """
    if members < 1:
        raise ValueError(f"members is {members}; allowed: 1 or more")
    _check(probabilities, labels)
    scores = [score(one, labels) for one in probabilities]
    order = sorted(range(len(scores)), key=lambda index: (-scores[index].accuracy, scores[index].log_loss, index))
    return order[:members]


def weigh(probabilities: Floats, labels: Integers, kind: WeightKind) -> NDArray[np.float64]:
    """Return the members' weights (n_members,), at least 0, with sum 1.

    Args:
        probabilities: Of the members, on samples outside of their training data.
        labels: Of the same samples.
        kind: The quantity that a weight is proportional to. `uniform`: the same for all. `accuracy`: the share of
            samples whose most probable class is the label. `confidence`: (1 / n_samples) * sum over i of
            p[i, labels[i]], the mean probability of the true class; it also tells apart members that are right equally
            often. (Guo et al. 2017, "On Calibration of Modern Neural Networks", use the word for the probability of the
            predicted class, right or wrong. Weighing by that would reward overconfidence.)

    Returns:
        The weights; uniform ones if all members would weigh 0.

    Raises:
        ValueError: A shape does not fit, rows are not distributions, or the kind is unknown.
    """
    _check(probabilities, labels)
    if kind == "uniform":
        raw = np.ones(len(probabilities))
    elif kind == "accuracy":
        raw = np.array([np.mean(one.argmax(axis=1) == labels) for one in probabilities])
    elif kind == "confidence":
        raw = np.array([_of_label(one, labels).mean() for one in probabilities])
    else:
        raise ValueError(f"weights {kind!r}; allowed: uniform, accuracy, confidence")
    total = raw.sum()
    return raw / total if total > 0 else np.full(len(raw), 1 / len(raw))


def vote(probabilities: Floats, weights: Floats, kind: VoteKind) -> NDArray[np.float64]:
    """Return the members' common prediction, (n_samples, n_classes); each row sums to 1 as far as theirs do.

    Args:
        probabilities: Of the members.
        weights: Of the members.
        kind: `soft`: the weighted mean of the probabilities. `hard`: for each class the total weight of the members
            that find it most probable; `predict_classes` breaks ties between these shares.

    Raises:
        ValueError: A shape does not fit, rows are not distributions, weights are negative or do not sum to 1, or the
            kind is unknown.
    """
    _check(probabilities)
    _check_weights(weights, len(probabilities))
    if kind not in ("soft", "hard"):
        raise ValueError(f"vote {kind!r}; allowed: soft, hard")
    _, n_samples, n_classes = probabilities.shape
    total = np.zeros((n_samples, n_classes))
    for one, weight in zip(probabilities, weights, strict=True):  # one at a time, for all at once would copy them all
        if kind == "soft":
            total += float(weight) * one
        else:
            total[np.arange(n_samples), one.argmax(axis=1)] += weight
    return total


def predict_classes(probabilities: Floats, weights: Floats, kind: VoteKind) -> NDArray[np.intp]:
    """Return the class that the members vote for, (n_samples,).

    It has the largest share in `vote`. If classes tie in a hard vote, the higher weighted mean probability wins; if
    that ties too, the lower class.

    Raises:
        ValueError: As `vote`.
    """
    shares = vote(probabilities, weights, kind)
    if kind == "hard":
        tied = shares >= shares.max(axis=1, keepdims=True) - _TIE_TOLERANCE
        means = np.where(tied, vote(probabilities, weights, "soft"), -np.inf)
        shares = np.where(means >= means.max(axis=1, keepdims=True) - _TIE_TOLERANCE, 1.0, 0.0)
    return np.asarray(shares.argmax(axis=1), dtype=np.intp)


def score(probabilities: Floats, labels: Integers, classes: Integers | None = None) -> Score:
    """Return the scores of one member or of a vote.

    Args:
        probabilities: (n_samples, n_classes).
        labels: Of the same samples.
        classes: Predicted classes (n_samples,), from `predict_classes` for a hard vote; None: the most probable ones.

    Raises:
        ValueError: A shape does not fit, or rows are not distributions.
    """
    if probabilities.ndim != _TABLE_NDIM:
        raise ValueError(f"probabilities have shape {probabilities.shape}; allowed: (n_samples, n_classes)")
    _check(probabilities[np.newaxis], labels)
    predicted = probabilities.argmax(axis=1) if classes is None else classes
    if predicted.shape != labels.shape:
        raise ValueError(f"classes have shape {predicted.shape}, labels {labels.shape}; allowed: (n_samples,) for both")
    clipped = np.clip(_of_label(probabilities, labels), _SMALLEST_PROBABILITY, 1.0)
    return Score(
        accuracy=float(np.mean(predicted == labels)), log_loss=float(-np.log(clipped).mean()), n=int(labels.size)
    )


def _of_label(probabilities: Floats, labels: Integers) -> NDArray[np.float64]:
    """Return each sample's probability of its label, (n_samples,)."""
    return probabilities[np.arange(len(labels)), labels].astype(np.float64)


def _check(probabilities: Floats, labels: Integers | None = None) -> None:
    shape = probabilities.shape
    if probabilities.ndim != _ENSEMBLE_NDIM or 0 in shape:
        raise ValueError(
            f"probabilities have shape {shape}; allowed: (n_members, n_samples, n_classes), none of them 0"
        )
    for index, one in enumerate(probabilities):
        if not np.isfinite(one).all() or (one < 0).any():
            raise ValueError(f"probabilities {shape} of member {index} are negative or not finite")
        sums = one.sum(axis=1, dtype=np.float64)
        worst = float(sums[np.abs(sums - 1).argmax()])
        if abs(worst - 1) > _ROW_SUM_TOLERANCE:
            raise ValueError(
                f"probabilities {shape} of member {index}: a row sums to {worst:.6g}; allowed: rows of sum 1"
            )
    if labels is not None:
        _check_labels(labels, shape)


def _check_labels(labels: Integers, shape: tuple[int, ...]) -> None:
    _, n_samples, n_classes = shape
    if labels.shape != (n_samples,):
        raise ValueError(f"labels have shape {labels.shape}, probabilities {shape}; allowed: labels ({n_samples},)")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= n_classes:
        raise ValueError(
            f"labels are {labels.dtype} from {labels.min()} to {labels.max()}; allowed: integers 0 to {n_classes - 1}"
        )


def _check_weights(weights: Floats, n_members: int) -> None:
    if weights.shape != (n_members,):
        raise ValueError(f"weights have shape {weights.shape}; allowed: ({n_members},), one for each member")
    if not (weights >= 0).all() or not abs(float(weights.sum()) - 1) <= _WEIGHT_SUM_TOLERANCE:
        raise ValueError(f"weights {weights.tolist()} are negative or do not sum to 1")
