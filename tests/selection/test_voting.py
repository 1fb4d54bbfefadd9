import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from hpsearch.selection.score import Score
from hpsearch.selection.voting import predict_classes, score, select, vote, weigh

SURE, HALF = [0.9, 0.1], [0.5, 0.5]
KINDS = ("uniform", "accuracy", "confidence")


def member(*rows):
    return np.array(rows, dtype=np.float64)


def distributions(rng, *shape):
    raw = rng.gamma(0.5, size=shape) + 1e-9
    return raw / raw.sum(axis=-1, keepdims=True)


@st.composite
def ensembles(draw):
    """Draw probabilities (n_members, n_samples, n_classes) and labels (n_samples,)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 12), st.integers(2, 5)))
    return distributions(rng, *shape), rng.integers(shape[2], size=shape[1])


def test_select_takes_the_most_accurate_first():
    labels = np.array([0, 0, 1, 1])
    right, wrong = SURE, SURE[::-1]
    probabilities = np.stack([member(right, wrong, right, right), member(right, right, wrong, wrong)])
    assert select(probabilities, labels, 1) == [1]
    assert select(probabilities, labels, 9) == [1, 0]


def test_select_breaks_ties_by_log_loss_and_then_by_index():
    labels = np.array([0, 1])
    timid, bold = member([0.6, 0.4], [0.4, 0.6]), member([0.9, 0.1], [0.1, 0.9])
    assert select(np.stack([timid, bold, bold]), labels, 3) == [1, 2, 0]


def test_weights_are_proportional_to_what_they_are_named_for():
    labels = np.array([0, 0, 0, 0])
    probabilities = np.stack([member(SURE, SURE, SURE, SURE), member(SURE, [0.2, 0.8], [0.2, 0.8], [0.2, 0.8])])
    assert weigh(probabilities, labels, "uniform").tolist() == [0.5, 0.5]
    assert weigh(probabilities, labels, "accuracy").tolist() == [0.8, 0.2]
    confidence = np.array([0.9, (0.9 + 3 * 0.2) / 4])
    assert weigh(probabilities, labels, "confidence") == pytest.approx(confidence / confidence.sum())


@pytest.mark.parametrize("kind", KINDS)
def test_members_that_are_never_right_weigh_the_same(kind):
    probabilities = np.stack([member([0.0, 1.0])] * 3)
    assert weigh(probabilities, np.array([0]), kind).tolist() == [1 / 3] * 3


def test_a_soft_vote_is_the_weighted_mean():
    probabilities = np.stack([member([1.0, 0.0]), member([0.2, 0.8])])
    assert vote(probabilities, np.array([0.75, 0.25]), "soft") == pytest.approx(np.array([[0.8, 0.2]]))


def test_a_hard_vote_counts_weights_of_the_most_probable_classes():
    probabilities = np.stack([member([0.51, 0.49, 0.0]), member([0.0, 1.0, 0.0]), member([0.4, 0.3, 0.3])])
    shares = vote(probabilities, np.array([0.3, 0.5, 0.2]), "hard")
    assert shares == pytest.approx(np.array([[0.5, 0.5, 0.0]]))


def test_soft_and_hard_can_disagree():
    probabilities = np.stack([member([0.51, 0.49])] * 2 + [member([0.0, 1.0])])
    weights = np.full(3, 1 / 3)
    assert predict_classes(probabilities, weights, "hard").tolist() == [0]
    assert predict_classes(probabilities, weights, "soft").tolist() == [1]


def test_a_tied_hard_vote_goes_to_the_class_with_the_higher_mean_probability():
    # Classes 1 and 2 tie with a vote each; class 0 has the highest mean and no vote.
    probabilities = np.stack([member([0.45, 0.5, 0.05]), member([0.4, 0.0, 0.6])])
    weights = np.array([0.5, 0.5])
    assert predict_classes(probabilities, weights, "soft").tolist() == [0]
    assert predict_classes(probabilities, weights, "hard").tolist() == [2]


def test_a_tie_that_rounding_hides_is_one():
    # Class 0 has 0.1 + 0.2, class 1 has 0.3 and the higher mean; classes 2 and 3 have 0.2 each.
    rows = [
        [0.6, 0.4, 0.0, 0.0],
        [0.6, 0.4, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
    probabilities, weights = np.array(rows)[:, np.newaxis], np.array([0.1, 0.2, 0.3, 0.2, 0.2])
    assert vote(probabilities, weights, "hard")[0].argmax() == 0
    assert predict_classes(probabilities, weights, "hard").tolist() == [1]


def test_a_full_tie_goes_to_the_lower_class():
    probabilities = np.stack([member([0.2, 0.8]), member([0.8, 0.2])])
    assert predict_classes(probabilities, np.array([0.5, 0.5]), "hard").tolist() == [0]


def test_score_is_accuracy_and_log_loss():
    probabilities = member([0.8, 0.2], [0.6, 0.4])
    assert score(probabilities, np.array([0, 1])) == Score(
        accuracy=0.5, log_loss=pytest.approx(-(math.log(0.8) + math.log(0.4)) / 2), n=2
    )


def test_log_loss_of_a_certain_error_is_finite():
    assert score(member([1.0, 0.0]), np.array([1])).log_loss == pytest.approx(-math.log(2**-23))


def test_score_takes_the_classes_of_a_tied_hard_vote():
    probabilities = np.stack([member([0.4, 0.6]), member([0.9, 0.1])])[:, :, ::-1]
    weights, labels = np.array([0.5, 0.5]), np.array([1])
    shares = vote(probabilities, weights, "hard")
    assert score(shares, labels).accuracy == 0
    assert score(shares, labels, predict_classes(probabilities, weights, "hard")).accuracy == 1


@settings(max_examples=50, deadline=None)
@given(ensembles())
def test_log_loss_is_that_of_scikit_learn(ensemble):
    probabilities, labels = ensemble
    expected = log_loss(labels, probabilities[0], labels=range(probabilities.shape[2]))
    assert score(probabilities[0], labels).log_loss == pytest.approx(expected, rel=1e-4)


@settings(max_examples=50, deadline=None)
@given(ensembles(), st.sampled_from(KINDS))
def test_weights_are_at_least_0_and_sum_to_1(ensemble, kind):
    weights = weigh(*ensemble, kind)
    assert weights.shape == (len(ensemble[0]),)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(ensembles(), st.sampled_from(KINDS))
def test_a_single_member_has_all_the_weight_and_its_vote_is_itself(ensemble, kind):
    alone, labels = ensemble[0][:1], ensemble[1]
    weights = weigh(alone, labels, kind)
    assert weights.tolist() == [1.0]
    assert (vote(alone, weights, "soft") == alone[0]).all()
    assert (predict_classes(alone, weights, "hard") == alone[0].argmax(axis=1)).all()


@settings(max_examples=50, deadline=None)
@given(ensembles(), st.sampled_from(KINDS), st.randoms(use_true_random=False))
def test_permuting_members_permutes_weights_and_leaves_the_vote(ensemble, kind, shuffler):
    probabilities, labels = ensemble
    order = list(range(len(probabilities)))
    shuffler.shuffle(order)
    weights, permuted = weigh(probabilities, labels, kind), weigh(probabilities[order], labels, kind)
    assert permuted == pytest.approx(weights[order])
    for way in ("soft", "hard"):
        assert vote(probabilities[order], permuted, way) == pytest.approx(vote(probabilities, weights, way))
        assert (
            predict_classes(probabilities[order], permuted, way) == predict_classes(probabilities, weights, way)
        ).all()


@settings(max_examples=50, deadline=None)
@given(ensembles())
def test_a_unanimous_hard_vote_is_that_class(ensemble):
    probabilities, labels = ensemble
    unanimous = np.stack([probabilities[0] ** power for power in range(1, 4)])
    unanimous /= unanimous.sum(axis=2, keepdims=True)
    weights = weigh(unanimous, labels, "confidence")
    expected = probabilities[0].argmax(axis=1)
    assert (predict_classes(unanimous, weights, "hard") == expected).all()
    assert vote(unanimous, weights, "hard")[np.arange(len(labels)), expected] == pytest.approx(1.0)


@settings(max_examples=50, deadline=None)
@given(ensembles(), st.sampled_from(["soft", "hard"]))
def test_rows_of_a_vote_sum_to_1(ensemble, kind):
    probabilities, labels = ensemble
    rows = vote(probabilities, weigh(probabilities, labels, "accuracy"), kind)
    assert rows.shape == probabilities.shape[1:]
    assert rows.sum(axis=1) == pytest.approx(1)


def test_float32_is_voted_on_in_float64():
    probabilities = distributions(np.random.default_rng(0), 2, 3, 4).astype(np.float32)
    assert vote(probabilities, np.array([0.5, 0.5]), "soft").dtype == np.float64


GOOD, LABELS, EVEN = np.stack([member(SURE, HALF)] * 2), np.array([0, 1]), np.array([0.5, 0.5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weigh(GOOD[0], LABELS, "uniform"), r"shape \(2, 2\); allowed: \(n_members"),
        (lambda: select(np.empty((0, 2, 2)), LABELS, 1), r"shape \(0, 2, 2\)"),
        (lambda: weigh(GOOD, LABELS[:1], "uniform"), r"labels have shape \(1,\), probabilities \(2, 2, 2\)"),
        (lambda: weigh(GOOD, LABELS + 1, "uniform"), "from 1 to 2; allowed: integers 0 to 1"),
        (lambda: weigh(GOOD, LABELS - 1, "uniform"), "from -1 to 0"),
        (lambda: weigh(GOOD, LABELS.astype(float), "uniform"), "labels are float64"),
        (lambda: weigh(GOOD * np.nan, LABELS, "uniform"), "member 0 are negative or not finite"),
        (lambda: vote(GOOD - 0.5, EVEN, "soft"), "negative or not finite"),
        (lambda: vote(GOOD * 3, EVEN, "soft"), "a row sums to 3"),
        (lambda: vote(GOOD, EVEN[:1], "soft"), r"weights have shape \(1,\); allowed: \(2,\)"),
        (lambda: vote(GOOD, EVEN * 2, "soft"), "do not sum to 1"),
        (lambda: vote(GOOD, np.array([1.5, -0.5]), "soft"), "negative"),
        (lambda: vote(GOOD, np.array([math.nan, 1.0]), "soft"), "negative or do not sum"),
        (lambda: vote(GOOD, EVEN, "loud"), "vote 'loud'; allowed: soft, hard"),
        (lambda: weigh(GOOD, LABELS, "size"), "weights 'size'; allowed: uniform, accuracy, confidence"),
        (lambda: select(GOOD, LABELS, 0), "members is 0; allowed: 1 or more"),
        (lambda: score(GOOD, LABELS), r"shape \(2, 2, 2\); allowed: \(n_samples, n_classes\)"),
        (lambda: score(GOOD[0], LABELS, LABELS[:1]), r"classes have shape \(1,\)"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_shape(call, message):
    with pytest.raises(ValueError, match=message):
        call()
