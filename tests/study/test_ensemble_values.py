"""The ensemble and its readings go to JSON and come back, also those that an earlier release stored."""

import json

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.selection.score import Score
from hpsearch.study.ensemble import Ensemble, Member, Reading, Scores
from hpsearch.trial.trial import Stage
from support import strategies  # noqa: F401 - its profile

numbers = st.floats(0, 1)
one_score = st.builds(Score, accuracy=numbers, log_loss=st.floats(0, 20), n=st.integers(1, 10**6))
all_scores = st.builds(Scores, ensemble=one_score, best_single=one_score, mean_single=one_score)
keys = st.tuples(st.sampled_from(Stage), st.integers(0, 10**5))
members = st.builds(
    Member,
    stage=st.sampled_from(Stage),
    number=st.integers(0, 10**5),
    trial=st.integers(0, 10**5),
    seed=st.integers(0, 2**32 - 1),
    weight=numbers,
    checkpoint=st.text(max_size=9),
)
ensembles = st.builds(
    Ensemble,
    candidates=st.lists(keys, max_size=4).map(tuple),
    members=st.lists(members, min_size=1, max_size=4).map(tuple),
    vote=st.sampled_from(["soft", "hard"]),
    val=all_scores,
)


def through_json(value):
    return json.loads(json.dumps(value, allow_nan=False))


@given(ensembles)
def test_an_ensemble_comes_back_from_json(ensemble):
    assert Ensemble.from_dict(through_json(ensemble.as_dict())) == ensemble


@given(ensembles, st.none() | all_scores, st.integers(0, 99), st.booleans())
def test_a_reading_comes_back_from_json_and_knows_its_ensemble(ensemble, found, trials, seen_before):
    reading = Reading(
        members=tuple(member.key for member in ensemble.members),
        weights=tuple(member.weight for member in ensemble.members),
        vote=ensemble.vote,
        scores=found,
        trials=trials,
        seen_before=seen_before,
    )
    back = Reading.from_dict(through_json(reading.as_dict()))
    assert back == reading
    assert back.is_of(ensemble)


@given(ensembles, ensembles)
def test_a_reading_is_of_no_other_ensemble(ensemble, other):
    reading = Reading(
        members=tuple(member.key for member in ensemble.members),
        weights=tuple(member.weight for member in ensemble.members),
        vote=ensemble.vote,
        scores=None,
        trials=1,
        seen_before=False,
    )
    same = [(m.key, m.weight) for m in other.members] == [(m.key, m.weight) for m in ensemble.members]
    assert reading.is_of(other) == (same and other.vote == ensemble.vote)


def test_what_the_first_release_stored_is_read():
    score = {"accuracy": 0.98, "log_loss": 0.1, "n": 360}
    scores = {"ensemble": score, "best_single": score, "mean_single": score}
    member = {"stage": "finalists", "number": 0, "trial": 5, "seed": 7, "weight": 1.0, "checkpoint": "a/b.pt"}
    stored = {"candidates": [["finalists", 0]], "members": [member], "vote": "soft", "val": scores}
    ensemble = Ensemble.from_dict(stored)
    assert ensemble.members[0].key == (Stage.FINALISTS, 0)
    assert ensemble.val.ensemble.accuracy == 0.98
    assert ensemble.as_dict() == stored
