"""What stands beside a distribution: `when`, `per`, `limits`; and the constraints: what they mean, what is refused."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.errors import FieldError, SpaceFileError
from hpsearch.objectives.space_files import load_space_file, parse_config
from hpsearch.space.parsing import parse_space
from hpsearch.space.space import Scaling
from support import strategies

VALID = """\
study: cnn
metric: val_accuracy
direction: maximize
objective: {use: image_classifier, data: digits, epochs: 20}
space:
  optimizer: {choice: [sgd, adamw]}
  lr:
    loguniform: [1e-4, 1e-1]
    per: batch_size
    reference: 64
    limits: [1e-5, 1]
  batch_size: {choice: [32, 64, 128]}
  momentum: {uniform: [0.8, 0.99], when: {optimizer: sgd}}
  nesterov: {choice: [true, false], when: {optimizer: [sgd]}}
  depth: {randint: [2, 8]}
  act: {choice: {plain: {}, fancy: {gate: true}}, when: {depth: [3, 4]}}
  tag: night
constraints:
  - lr * batch_size <= 5
  - depth >= 3 or optimizer == 'sgd'
search: {trials: 8}
"""
WHEN = "when: {optimizer: sgd}}"
LIMITS = "limits: [1e-5, 1]"
PER = "per: batch_size"
LAST = "depth >= 3 or optimizer == 'sgd'"

# what is replaced, by what, the line of the message, its beginning, what it allows, the nearest name
BROKEN = [
    # when
    (WHEN, "when: sgd}", 13, "space.momentum.when: found 'sgd'", "{NAME: VALUE} or {NAME: [VALUE, ...]}", ""),
    (WHEN, "when: {}}", 13, "space.momentum.when: found {}", "such as {optimizer: sgd}", ""),
    (WHEN, "when: [optimizer]}", 13, "space.momentum.when: found ['optimizer']", "{NAME: VALUE}", ""),
    (
        WHEN,
        "when: {optimiser: sgd}}",
        13,
        "space.momentum.when.optimiser: 'optimiser' is not another",
        "lr",
        "optimizer",
    ),
    (WHEN, "when: {momentum: 1}}", 13, "space.momentum.when.momentum: 'momentum' is not another", "nesterov", ""),
    (
        WHEN,
        "when: {optimizer: sdg}}",
        13,
        "space.momentum.when.optimizer: 'sdg' is no choice of",
        "sgd, adamw",
        "sgd",
    ),
    (WHEN, "when: {optimizer: [sgd, 1]}}", 13, "space.momentum.when.optimizer.1: 1 is no choice", "sgd, adamw", ""),
    (WHEN, "when: {optimizer: []}}", 13, "space.momentum.when.optimizer: is an empty list", "at least one", ""),
    (WHEN, "when: {nesterov: 1}}", 13, "space.momentum.when.nesterov: 1 is no choice of nesterov", "true, false", ""),
    (WHEN, "when: {lr: 0.1}}", 13, "space.momentum.when.lr: lr is a loguniform", "a choice, a randint", ""),
    (WHEN, "when: {depth: 9}}", 13, "space.momentum.when.depth: 9 is no value of depth", "from 2 to 8", ""),
    (WHEN, "when: {depth: 2.0}}", 13, "space.momentum.when.depth: 2.0 is no value of depth", "an integer", ""),
    (WHEN, "when: {depth: true}}", 13, "space.momentum.when.depth: true is no value of depth", "an integer", ""),
    (WHEN, "when: {tag: {a: 1}}}", 13, "space.momentum.when.tag: found {'a': 1}", "a scalar, or a list of them", ""),
    (WHEN, "when: {act: fansy}}", 13, "space.momentum.when.act: 'fansy' is no choice of act", "plain, fancy", "fancy"),
    (
        "{choice: [sgd, adamw]}",
        "{choice: [sgd, adamw], when: {nesterov: true}}",
        6,
        "space.optimizer.when: 'optimizer' depends on itself, through ",
        "conditions without a circle",
        "",
    ),
    (WHEN, "wehn: {optimizer: sgd}}", 13, "space.momentum: has 2 distributions", "one of uniform", ""),
    (WHEN, "when: {optimizer: sgd}, limit: [0, 1]}", 13, "space.momentum: has 2 distributions", "one of", ""),
    # per
    ("    reference: 64\n", "", 7, "space.lr.reference: is missing", "per: NAME, reference: SIZE", ""),
    ("    per: batch_size\n", "", 7, "space.lr.per: is missing", "per: NAME, reference: SIZE", ""),
    ("reference: 64", "reference: 0", 10, "space.lr.reference: found 0", "a number above 0", ""),
    ("reference: 64", "reference: big", 10, "space.lr.reference: found 'big'", "a number above 0", ""),
    ("reference: 64", "reference: true", 10, "space.lr.reference: found true", "a number above 0", ""),
    (PER, "per: batchsize", 9, "space.lr.per: 'batchsize' is not another parameter", "optimizer", "batch_size"),
    (PER, "per: lr", 9, "space.lr.per: 'lr' is not another parameter", "optimizer, batch_size", ""),
    (PER, "per: [depth]", 9, "space.lr.per: ['depth'] is not another parameter", "batch_size", "depth"),
    (PER, "per: optimizer", 9, "space.lr.per: optimizer can be 'sgd'", "values are numbers above 0", ""),
    (PER, "per: tag", 9, "space.lr.per: tag can be 'night'", "values are numbers above 0", ""),
    (PER, "per: act", 9, "space.lr.per: act can be {}", "values are numbers above 0", ""),
    (PER, "per: momentum", 9, "space.lr.per: momentum is not always there", "whenever lr is", ""),
    (PER, "per: batch_size\n    rule: square", 10, "space.lr.rule: found 'square'", "linear, sqrt", "sqrt"),
    (PER, "per: batch_size\n    rule: squrt", 10, "space.lr.rule: found 'squrt'", "linear, sqrt", "sqrt"),
    ("[32, 64, 128]", "[0, 64, 128]", 9, "space.lr.per: batch_size can be 0", "numbers above 0", ""),
    (
        "{randint: [2, 8]",
        "{randint: [2, 8], per: lr, reference: 1",
        15,
        "space.depth.per: depth is a randint",
        "not",
        "",
    ),
    (
        "[sgd, adamw]}",
        "[sgd, adamw], per: batch_size, reference: 1}",
        6,
        "space.optimizer.per: optimizer is a choice",
        "not integers",
        "",
    ),
    (
        WHEN,
        "per: lr, reference: 1}",
        13,
        "space.momentum.per: 'lr' is scaled itself",
        "a parameter without per",
        "",
    ),
    # limits
    (LIMITS, "limits: 1e-5", 11, "space.lr.limits: found 1e-05", "[low, high] around the range, null for", ""),
    (LIMITS, "limits: [1e-5]", 11, "space.lr.limits: found [1e-05]", "[low, high]", ""),
    (LIMITS, "limits: [1e-3, 1]", 11, "space.lr.limits: found [0.001, 1], inside of [0.0001, 0.1]", "around", ""),
    (LIMITS, "limits: [1e-5, 1e-2]", 11, "space.lr.limits: found [1e-05, 0.01], inside of", "around", ""),
    (LIMITS, "limits: [0, 1]", 11, "space.lr.limits.0: found 0", "a limit above 0, for the range is log", ""),
    (LIMITS, "limits: [low, 1]", 11, "space.lr.limits.0: found 'low'", "[low, high]", ""),
    (LIMITS, "limits: [1e-5, true]", 11, "space.lr.limits.1: found true", "[low, high]", ""),
    ("[32, 64, 128]", "[32, 64, 128], limits: [1, 500]", 12, "space.batch_size.limits: stands beside a", "a range", ""),
    # constraints
    (LAST, "width >= 3", 20, "constraints.1: ", "", ""),
    (LAST, "depth >", 20, "constraints.1: ", "", ""),
    (LAST, "optimizer * 2 < 3", 20, "constraints.1: ", "", ""),
    (LAST, "5", 20, "constraints.1: found 5", "text", ""),
    (LAST, "depth > 8", 20, "constraints.1: 'depth > 8' holds for none of 10000 random configs", "leave room for", ""),
    (
        LAST,
        "lr * batch_size > 5",
        18,
        "constraints: together they hold for none of 10000 random configs",
        "leave room for each other",
        "",
    ),
]


def write(folder, text):
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_valid_file_means_what_it_says(tmp_path):
    space = load_space_file(write(tmp_path, VALID)).space
    assert space.conditions == {
        "momentum": {"optimizer": ("sgd",)},
        "nesterov": {"optimizer": ("sgd",)},
        "act": {"depth": (3, 4)},
    }
    assert space.scalings == {"lr": Scaling("batch_size", 64.0, "linear")}
    assert space.limits == {"lr": (1e-5, 1.0)}
    assert [constraint.text for constraint in space.constraints] == ["lr * batch_size <= 5", LAST]


@pytest.mark.parametrize(("old", "new", "line", "beginning", "allowed", "near"), BROKEN, ids=[row[1] for row in BROKEN])
def test_one_message_says_it_all(tmp_path, old, new, line, beginning, allowed, near):
    assert VALID.count(old) == 1
    path = write(tmp_path, VALID.replace(old, new))
    with pytest.raises(SpaceFileError) as caught:
        load_space_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: {beginning}")
    assert "\n" not in message
    assert allowed in message.partition("; allowed: ")[2]
    if near or not beginning.startswith("constraints"):
        assert message.partition("; did you mean ")[2] == (f"{near!r}?" if near else "")


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([None, 1], (-math.inf, 1.0)),
        ([1e-5, None], (1e-5, math.inf)),
        ([None, None], (-math.inf, math.inf)),
        ([1e-4, 1e-1], (1e-4, 1e-1)),
    ],
)
def test_a_limit_may_be_left_open(limits, expected):
    assert parse_space({"lr": {"loguniform": [1e-4, 1e-1], "limits": limits}}).limits == {"lr": expected}


def test_a_condition_on_an_absent_parameter_is_unmet():
    space = parse_space(
        {
            "mode": {"choice": ["a", "b"]},
            "n": {"randint": [1, 3], "when": {"mode": "a"}},
            "x": {"uniform": [0, 1], "when": {"n": [1, 2]}},
            "y": {"uniform": [0, 1], "when": {"x": 1}},
        }
        | {"y": {"uniform": [0, 1], "when": {"n": 1, "kind": ["k"]}}, "kind": "k"}
    )
    stored = {"mode": "a", "n": 1, "x": 0.5, "y": 0.25}
    assert space.config_of(stored) == {"mode": "a", "n": 1, "x": 0.5, "y": 0.25, "kind": "k"}
    assert space.config_of(stored | {"n": 2}) == {"mode": "a", "n": 2, "x": 0.5, "kind": "k"}
    assert space.config_of(stored | {"n": 3}) == {"mode": "a", "n": 3, "kind": "k"}
    assert space.config_of(stored | {"mode": "b"}) == {"mode": "b", "kind": "k"}
    assert space.active({"mode": "b"}) == ["mode"]


def test_a_condition_on_a_constant():
    raw = {"kind": "k", "x": {"uniform": [0, 1], "when": {"kind": "other"}}, "y": {"uniform": [0, 1]}}
    assert parse_space(raw).config_of({"x": 0.5, "y": 0.5}) == {"kind": "k", "y": 0.5}
    raw["kind"] = "other"
    assert parse_space(raw).config_of({"x": 0.5, "y": 0.5}) == {"kind": "other", "x": 0.5, "y": 0.5}


@pytest.mark.parametrize(("rule", "factor"), [({}, 2.0), ({"rule": "linear"}, 2.0), ({"rule": "sqrt"}, math.sqrt(2))])
def test_a_scaled_parameter_gets_its_share(rule, factor):
    raw = {
        "lr": {"loguniform": [1e-4, 1e-1], "per": "batch_size", "reference": 64, **rule},
        "batch_size": {"choice": {"small": 64, "large": 128}},
    }
    space = parse_space(raw)
    assert space.config_of({"lr": 0.01, "batch_size": "small"}) == {"lr": 0.01, "batch_size": 64}
    assert space.config_of({"lr": 0.01, "batch_size": "large"})["lr"] == pytest.approx(0.01 * factor)
    by_constant = parse_space(raw | {"batch_size": 128})
    assert by_constant.config_of({"lr": 0.01}) == {"lr": pytest.approx(0.01 * factor), "batch_size": 128}


def test_a_size_that_is_there_whenever_it_is_needed():
    sgd, both = {"when": {"optimizer": "sgd"}}, {"when": {"optimizer": ["sgd", "adamw"]}}
    optimizer = {"choice": ["sgd", "adamw", "none"]}
    lr = {"loguniform": [1e-4, 1e-1], "per": "batch_size", "reference": 64}
    size = {"choice": [32, 64]}
    parse_space({"optimizer": optimizer, "lr": lr | sgd, "batch_size": size | both})
    with pytest.raises(FieldError, match="batch_size is not always there"):
        parse_space({"optimizer": optimizer, "lr": lr | both, "batch_size": size | sgd})


def test_constraints_are_on_configs_as_trained():
    raw = {
        "lr": {"loguniform": [1e-4, 1e-1], "per": "batch_size", "reference": 64},
        "batch_size": {"choice": {"small": 64, "large": 128}},
    }
    space = parse_space(raw, constraints=["lr <= 0.05", "batch_size != 'small' or lr < 0.04"])
    assert space.allows({"lr": 0.03, "batch_size": "small"})
    assert not space.allows({"lr": 0.03, "batch_size": "large"})
    assert not space.allows({"lr": 0.045, "batch_size": "small"})


JUNK = st.recursive(
    st.one_of(strategies.scalars, st.just(10**30), st.sampled_from(["p0", "p1", "fixed", "linear"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["p0", "p1"]), inner)),
    max_leaves=4,
)


@given(strategies.tied_spaces(), st.sampled_from(["when", "per", "reference", "rule", "limits"]), JUNK)
@settings(max_examples=60)
def test_any_option_parses_or_gets_a_field_error(tied, option, junk):
    raw = {"p9": {"uniform": [1.0, 2.0], option: junk}, **tied.raw}
    if option != "reference":
        raw["p9"] |= {"per": "p0", "reference": 1} if option == "rule" else {}
    error = None
    try:
        space = parse_space(raw, constraints=tied.constraints)
        assert set(space.active({name: axis.draw(0.5) for name, axis in space.parameters.items()})) <= set(raw)
    except FieldError as caught:
        error = caught
    assert error is None or error.path[:2] == ("space", "p9") or error.path[0] == "constraints"
    assert "\n" not in str(error)


def test_a_space_file_keeps_its_options(tmp_path):
    """What a store has of a study is its file's content: parsed again, it is the same space."""
    config = load_space_file(write(tmp_path, VALID))
    again = parse_config(dict(config.raw)).space
    assert (again.conditions, again.scalings, again.limits) == (
        config.space.conditions,
        config.space.scalings,
        config.space.limits,
    )
