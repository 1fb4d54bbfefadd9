import pytest
from ruamel.yaml import YAML

from hpsearch.config.prune import JUST_STALL, UNSAID, Asha, Hyperband, Median, Prune, Screen, Stall, epochs_of
from hpsearch.errors import FieldError, SpaceFileError
from hpsearch.objectives.space_files import load_space_file, parse_config
from support.factories import sample_raw


def pruned(prune):
    return parse_config(sample_raw() | {"prune": prune}).prune


def test_what_is_left_unsaid():
    raw = {key: value for key, value in sample_raw().items() if key != "prune"}
    assert parse_config(raw).prune is UNSAID


@pytest.mark.parametrize("said", ["auto", {}, {"audit": 0.05}, {"diverged": ["loss"]}])
def test_where_no_rule_is_named_they_are_chosen(said):
    prune = pruned(said)
    assert prune.is_auto
    assert prune.stall == Stall()
    assert prune.audit == (0.05 if "audit" in said else 0.0)
    assert prune.diverged == (["loss"] if "diverged" in said else None)


def test_a_study_from_before_auto_keeps_stall_alone():
    for said in ("auto", {}):
        config = parse_config(sample_raw() | {"prune": said})
        assert config.before_auto().prune is JUST_STALL
        assert config.before_auto().raw == config.raw
    for said in (None, {"stall": None}, {"asha": {}}):
        config = parse_config(sample_raw() | {"prune": said})
        assert config.before_auto() is config


def test_a_mapping_that_names_a_rule_says_all_of_them():
    assert not pruned({"stall": {}}).is_auto
    assert not pruned({"stall": None}).is_auto
    assert pruned({"stall": {"patience": 4}}) == Prune(stall=Stall(patience=4))
    asha = pruned({"stall": None, "asha": {"eta": 4, "first": 2, "mode": "stop", "order": "arrival"}, "audit": 0.5})
    assert asha == Prune(stall=None, asha=Asha(eta=4, first=2, mode="stop", order="arrival"), audit=0.5)
    assert pruned({"asha": {}}) == Prune(asha=Asha(eta=3, first="11%", mode="promote", order="number"))
    assert pruned({"hyperband": {"first": "4%"}}) == Prune(hyperband=Hyperband(first="4%"))
    assert pruned({"median": {"warmup": 3}}) == Prune(
        median=Median(warmup=3, interval="11%", min_trials=5, order="number")
    )
    assert pruned({"screen": {"keep": 5}}) == Prune(screen=Screen(epochs="10%", keep=5))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("autom", "prune: found 'autom'; allowed: auto, or a mapping with stall, asha, .*, or null"),
        ([], r"prune: found \[\]; allowed: auto, or"),
        ({"ahsa": {}}, "prune.ahsa: unknown key 'ahsa'; allowed: stall, asha, .*; did you mean 'asha'"),
        ({"asha": {}, "median": {}}, "prune: found .*; allowed: one of asha, hyperband, median, screen"),
        ({"stall": {}, "audit": 0.1}, "prune: found .*; allowed: audit beside one of asha, "),
        ({"audit": 0.6}, "prune.audit: found 0.6; allowed: a number >= 0 and <= 0.5"),
        ({"audit": "5%"}, "prune.audit: found '5%'; allowed: a number"),
        ({"diverged": "loss"}, "prune.diverged: found 'loss'; allowed: a list of names of metrics, or null"),
        ({"asha": 3}, "prune.asha: found 3; allowed: a mapping with eta, first, mode, order, or null"),
        ({"asha": {"eta": 1}}, "prune.asha.eta: found 1; allowed: an integer >= 2"),
        ({"asha": {"eta": 3.0}}, "prune.asha.eta: found 3.0; allowed: an integer >= 2"),
        ({"asha": {"first": 0}}, "prune.asha.first: found 0; allowed: an integer >= 1, or a share of the epochs"),
        ({"hyperband": {"first": "0%"}}, "prune.hyperband.first: found '0%'; allowed: an integer >= 1, or a share"),
        ({"asha": {"mode": "promotion"}}, "prune.asha.mode: found .*; allowed: promote, stop; did you mean 'promote'"),
        ({"median": {"order": "none"}}, "prune.median.order: found 'none'; allowed: number, arrival"),
        ({"median": {"min_trials": 0}}, "prune.median.min_trials: found 0; allowed: an integer >= 1"),
        ({"screen": {}}, "prune.screen.keep: is missing; allowed: an integer >= 1"),
    ],
)
def test_what_is_wrong_is_told_in_one_message(said, message):
    with pytest.raises(FieldError, match=message):
        pruned(said)


def test_screening_needs_a_number_of_trials():
    raw = sample_raw(search={"trials": None}, budget={"time": "2h"}, prune={"screen": {"keep": 2}})
    with pytest.raises(FieldError, match=r"prune\.screen: comes after the last trial, .*; allowed: .*search\.trials"):
        parse_config(raw)
    assert parse_config({**raw, "prune": {"asha": {}}}).search.is_open


@pytest.fixture
def space_file(tmp_path):
    def write(**changes):
        path = tmp_path / "space.yaml"
        with path.open("w") as file:
            YAML().dump({**sample_raw(), **changes}, file)
        return path

    return write


def test_options_of_the_command_line(space_file):
    eta = load_space_file(space_file(), ["prune.asha.eta=4"]).prune
    assert eta == Prune(asha=Asha(eta=4))
    assert load_space_file(space_file(prune={"asha": {"first": 3}}), ["prune.asha.eta=4"]).prune.asha.first == 3
    assert load_space_file(space_file(prune=None), ["prune=auto"]).prune.is_auto
    assert load_space_file(space_file(), ["prune.audit=0.05"]).prune.is_auto
    with pytest.raises(SpaceFileError, match=r"--set prune\.asha\.eta=1: prune\.asha\.eta: found 1; allowed: an int"):
        load_space_file(space_file(), ["prune.asha.eta=1"])
    with pytest.raises(SpaceFileError, match=r"--set prune\.asha\.eta=4: prune\.asha is not a section of the file"):
        load_space_file(space_file(prune="auto"), ["prune.asha.eta=4"])


@pytest.mark.parametrize(("epochs", "said", "expected"), [(9, 5, 5), (9, "10%", 2), (100, "11%", 11), (25, "10%", 3)])
def test_a_share_is_rounded_and_at_least_two_epochs(epochs, said, expected):
    assert epochs_of(epochs, said) == expected
