"""Which rule a round gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config.prune import JUST_STALL
from hpsearch.objectives.space_files import parse_config
from hpsearch.selection.asha import AshaRule
from hpsearch.selection.hyperband import HyperbandRule
from hpsearch.selection.median import MedianRule
from hpsearch.selection.rules import divergence_rule, local_rules, rival_rule
from hpsearch.selection.screen import ScreenRule
from hpsearch.selection.stall import StallRule
from hpsearch.trial.trial import Direction
from support import rivals, strategies
from support.factories import sample_raw


def rule_of(prune, epochs=27, *, start=0, total=48):
    return rival_rule(parse_config(sample_raw() | {"prune": prune}), epochs, start, total, Direction.MAXIMIZE)


@pytest.mark.parametrize(
    ("prune", "kind", "rungs"),
    [
        ("auto", AshaRule, (3, 9, 27)),
        ({"audit": 0.1}, AshaRule, (3, 9, 27)),
        ({"asha": {}}, AshaRule, (3, 9, 27)),
        ({"asha": {"eta": 4, "first": 1}}, AshaRule, (1, 7, 27)),
        ({"asha": {"eta": 2, "first": "20%"}}, AshaRule, (5, 14, 27)),
        ({"asha": {"first": 30}}, AshaRule, (27,)),
        ({"asha": {"first": "100%"}}, AshaRule, (27,)),
        ({"hyperband": {"first": 1}}, HyperbandRule, (1, 3, 9, 27)),
        ({"median": {}}, MedianRule, (3, 6, 9, 12, 15, 18, 21, 24, 27)),
        ({"median": {"warmup": 5, "interval": "50%"}}, MedianRule, (5, 19, 27)),
        ({"median": {"warmup": 27}}, MedianRule, (27,)),
        ({"screen": {"keep": 3}}, ScreenRule, (3, 27)),
        ({"screen": {"keep": 3, "epochs": 27}}, ScreenRule, (27,)),
    ],
)
def test_the_rule_that_a_file_names(prune, kind, rungs):
    rule = rule_of(prune)
    assert type(rule) is kind
    assert rule.rungs(0) == rungs


@pytest.mark.parametrize("prune", [None, {"stall": {}}, {"stall": None}])
def test_without_a_rule_that_compares_nothing_is_compared(prune):
    assert rule_of(prune) is None


@pytest.mark.parametrize(
    ("epochs", "total", "rungs"),
    [
        (8, 48, None),
        (9, 48, (2, 3, 9)),
        (12, 48, (2, 4, 12)),
        (100, 48, (11, 33, 100)),
        (27, 8, None),
        (27, 9, (3, 9, 27)),
        (27, None, (3, 9, 27)),
    ],
)
def test_auto_compares_where_it_pays(epochs, total, rungs):
    rule = rule_of("auto", epochs, total=total)
    assert (rule and rule.rungs(0)) == rungs


BUILT_IN = {"objective": {"use": "image_classifier", "data": "digits", "epochs": 3}, "metric": "val_loss"}


@pytest.mark.parametrize(
    ("changes", "metrics"),
    [
        ({}, ("score",)),
        ({"prune": None}, ("score",)),
        ({"prune": {"diverged": ["loss", "score", "norm"]}}, ("score", "loss", "norm")),
        ({"prune": {"stall": None, "diverged": ["loss"]}}, ("score", "loss")),
        (BUILT_IN, ("val_loss", "train_loss")),
        (BUILT_IN | {"prune": None}, ("val_loss", "train_loss")),
        (BUILT_IN | {"prune": {"diverged": []}}, ("val_loss",)),
    ],
    ids=str,
)
def test_the_metrics_that_end_a_trial_are_the_studys_and_those_that_are_named(changes, metrics):
    config = parse_config(sample_raw() | {"space": {"lr": {"uniform": [0.1, 1.0]}}} | changes)
    assert divergence_rule(config).metrics == metrics
    assert local_rules(config, 27)[0] == divergence_rule(config)


def test_stall_stands_beside_all_of_them():
    for prune in ("auto", {"asha": {}}, {"screen": {"keep": 3}}):
        config = parse_config(sample_raw() | {"prune": prune})
        assert StallRule in [type(one) for one in local_rules(config, 27)]
        assert JUST_STALL.stall == config.prune.stall


@pytest.mark.parametrize(
    "prune",
    [
        "auto",
        *({rule: {"mode": mode, "order": order}} for rule in ("asha", "hyperband")
          for mode in ("promote", "stop") for order in ("number", "arrival")),
        *({"median": {"order": order}} for order in ("number", "arrival")),
        {"screen": {"keep": 5}},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_file_says_is_what_the_rule_does(prune):
    curves = rivals.steps([(number * 37 % 101) / 101 for number in range(48)], 27)
    one, many = (rivals.run(rule_of(prune), curves, workers=workers, seed=3) for workers in (1, 16))
    ordered = "arrival" not in str(prune)
    assert (one.trained == many.trained) is ordered
    waits = any(number in one.words and (number, epoch) not in one.verdicts for number, epoch in one.trained.items())
    assert waits is ("promote" in str(prune) or prune == "auto")
    assert sum(one.trained.values()) < 48 * 27 * 0.7


@given(st.integers(1, 300), st.integers(0, 50), st.integers(1, 99), st.integers(2, 5), strategies.seeds)
def test_rungs_of_any_rule_ascend_to_the_full_length(epochs, start, percent, eta, number):
    share = f"{percent}%"
    for prune in (
        {"asha": {"eta": eta, "first": share}},
        {"hyperband": {"eta": eta, "first": share}},
        {"median": {"warmup": share, "interval": share}},
        {"screen": {"epochs": share, "keep": 1}},
    ):
        found = rule_of(prune, epochs, start=start).rungs(start + number % 1000)
        assert list(found) == sorted(set(found))
        assert found[-1] == epochs
