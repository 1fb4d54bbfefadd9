import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config.config import plain
from hpsearch.config.errors import describe
from hpsearch.config.prune import Stall
from hpsearch.errors import FieldError
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.python import Python
from hpsearch.objectives.space_files import parse_config
from hpsearch.trial.trial import Direction
from hpsearch.vision.section import ImageClassifier
from support import strategies

RAW = {
    "study": "cnn",
    "metric": "val_accuracy",
    "direction": "maximize",
    "objective": {"use": "image_classifier", "data": "digits", "epochs": 20},
    "space": {"lr": {"loguniform": [1e-4, 1e-1]}, "momentum": 0.9},
}


def test_what_is_left_unsaid_has_the_defaults_of_the_design():
    config = parse_config(RAW)
    assert config.direction is Direction.MAXIMIZE
    assert (config.seed, config.keep_checkpoints) == (0, 10)
    assert (config.search.sampler, config.search.total, config.search.jitter) == ("jittered_grid", 48, 1.0)
    assert config.prune.stall == Stall(patience="25%", min_delta=0.0, warmup=0)
    assert (config.finalists.configs, config.finalists.seeds) == (3, 5)
    assert (config.ensemble.members, config.ensemble.vote, config.ensemble.weights) == (5, "soft", "confidence")
    assert (config.faults.max_retries, config.faults.max_identical_errors) == (2, 3)


@pytest.mark.parametrize("part", ["prune", "finalists", "ensemble"])
def test_null_leaves_a_part_out(part):
    assert getattr(parse_config(RAW | {part: None}), part) is None


def test_null_leaves_stalls_out():
    assert parse_config(RAW | {"prune": {"stall": None}}).prune.stall is None


@pytest.mark.parametrize(
    ("objective", "kind"),
    [
        ({"use": "image_classifier", "data": "digits", "epochs": 1}, ImageClassifier),
        ({"python": "package.module:train", "epochs": 1}, Python),
        ({"command": "python train.py --lr {lr}", "epochs": 1}, Command),
        ({"command": ["python", "train.py"], "cwd": "code", "epochs": 1}, Command),
    ],
)
def test_each_way_to_name_an_objective(objective, kind):
    assert type(parse_config(RAW | {"objective": objective}).objective) is kind


def test_a_study_parses_again_from_what_it_stores():
    config = parse_config(RAW)
    again = parse_config(json.loads(json.dumps(config.raw)))
    assert again == config
    assert again.hash == config.hash


def test_a_config_is_frozen_and_shares_nothing_with_its_source():
    raw = json.loads(json.dumps(RAW))
    config = parse_config(raw)
    raw["space"]["lr"]["loguniform"][0] = 5
    assert config.raw["space"]["lr"]["loguniform"][0] == 1e-4
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 1
    with pytest.raises(ValueError, match="frozen"):
        config.search.trials = 1


def test_the_hash_changes_with_any_value():
    hashes = {parse_config(RAW | change).hash for change in ({}, {"seed": 1}, {"study": "b"}, {"prune": None})}
    assert len(hashes) == 4
    assert parse_config(dict(reversed(RAW.items()))).hash == parse_config(RAW).hash


@pytest.mark.parametrize(
    ("patience", "epochs", "expected"),
    [(7, 100, 7), (1, 100, 1), ("25%", 100, 25), ("25%", 30, 8), ("25%", 8, 5), ("0.5 %", 2000, 10), ("100%", 12, 12)],
)
def test_patience_in_epochs(patience, epochs, expected):
    assert Stall(patience=patience).patience_epochs(epochs) == expected


@given(st.integers(1, 100), st.integers(1, 1000), st.integers(0, 1000))
def test_a_share_grows_with_the_epochs(percent, epochs, more):
    stall = Stall(patience=f"{percent}%")
    assert 5 <= stall.patience_epochs(epochs) <= stall.patience_epochs(epochs + more)


def test_a_constant_may_not_have_the_name_of_a_setting_either():
    with pytest.raises(FieldError, match="'model' is a setting of the objective"):
        parse_config(RAW | {"space": RAW["space"] | {"model": "mlp"}})


def test_the_first_of_several_errors_is_told():
    with pytest.raises(FieldError, match="seed: found -1") as caught:
        parse_config(RAW | {"seed": -1, "search": {"trials": 0}})
    assert caught.value.path == ("seed",)


@given(strategies.raw_spaces)
def test_plain_leaves_json_alone(raw):
    assert plain(raw) == json.loads(json.dumps(plain(raw))) == raw


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), {None: 1}, float("inf"), -(2**63), [[float("nan")]]])
def test_plain_refuses_what_json_can_not_hold(value):
    with pytest.raises(FieldError, match="allowed: "):
        plain({"a": [value]})


@pytest.mark.parametrize(
    ("spot", "words"),
    [
        (int, "an integer"),
        (int | None, "an integer, or null"),
        (list[str], "a list of text"),
        (dict[str, int], "a mapping"),
        (Stall, "a mapping with patience, min_delta, warmup"),
        (Stall.model_fields["min_delta"], "a number >= 0"),
    ],
)
def test_what_is_allowed_is_said_in_the_words_of_a_file(spot, words):
    assert describe(spot) == words


def test_a_grid_has_so_many_choices_at_most():
    many = RAW | {"space": {"a": {"choice": list(range(1001))}}}
    with pytest.raises(FieldError, match=r"space\.a\.choice: has 1001 values; allowed: at most 1000 with .*jittered"):
        parse_config(many)
    assert parse_config(many | {"search": {"sampler": "sobol"}}).space.size == 1001
