"""What every sampler of a space has to do: each test runs for each of them."""

import itertools
import json
import subprocess
import sys
from collections import Counter

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hpsearch.config.config import Search, plain
from hpsearch.errors import FieldError, SpaceUsedUpError
from hpsearch.samplers import JitteredGridSampler, RandomSampler, SobolSampler, choose_levels, make_sampler
from hpsearch.samplers.base import draw_from
from hpsearch.samplers.sobol import sobol_point
from hpsearch.space.distributions import Range
from hpsearch.space.parsing import parse_space
from support import strategies

RAW = {
    "lr": {"loguniform": [1e-4, 1e-1]},
    "batch_size": {"choice": [16, 32, 64, 128]},
    "dropout": {"quniform": [0.0, 0.5, 0.1]},
    "layers": {"randint": [1, 5]},
    "width": {"lograndint": [8, 512]},
    "momentum": 0.9,
    "optimizer": {"choice": {"plain": {"nesterov": False}, "fast": {"nesterov": True}}},
}
NAMES = ("jittered_grid", "random", "sobol")
TIED = {
    "optimizer": {"choice": ["sgd", "adamw"]},
    "momentum": {"uniform": [0.8, 0.99], "when": {"optimizer": "sgd"}},
    "lr": {"loguniform": [1e-4, 1e-1], "per": "batch_size", "reference": 64},
    "batch_size": {"choice": [32, 64, 128]},
}
FINITE = {
    "optimizer": {"choice": ["sgd", "adamw"]},
    "nesterov": {"choice": [True, False], "when": {"optimizer": "sgd"}},
    "layers": {"randint": [1, 4]},
    "dropout": {"quniform": [0.0, 0.2, 0.1], "when": {"layers": [3, 4]}},
}


def make(name, raw=RAW, seed=0, trials=48, constraints=(), taken=(), jitter=1.0):
    space = parse_space(raw, constraints=constraints)
    search = Search(sampler=name, trials=trials, jitter=jitter)
    return make_sampler(search, space, seed, choose_levels(space, trials, search.levels), taken)


def drawn(sampler, count):
    """The first configs, as many as there are."""
    found = []
    for number in range(count):
        try:
            found.append(sampler.draw(number))
        except SpaceUsedUpError:
            break
    return found


def enumerated(raw, satisfied=lambda config: True):
    """Every config of a finite space, worked out without the samplers: as trained, with None for what is absent."""
    space, values = parse_space(raw), {}
    for name, axis in raw.items():
        kind, arguments = next(iter(axis.items())) if isinstance(axis, dict) else ("choice", [axis])
        match kind:
            case "choice":
                values[name] = arguments
            case "randint" | "lograndint":
                values[name] = list(range(arguments[0], arguments[1] + 1))
            case _:
                low, high, step = arguments
                values[name] = [round(low + at * step, 6) for at in range(round((high - low) / step) + 1)]
    found = set()
    for combination in itertools.product(*values.values()):
        config = dict(zip(values, combination, strict=True))
        missing = True
        while missing:  # a parameter without its parent goes, and then those that depend on it
            missing = [name for name in config if not _is_there(raw[name], config)]
            config = {name: value for name, value in config.items() if name not in missing}
        if satisfied(config):
            found.add(tuple((name, config.get(name)) for name in space.names))
    return found


def _is_there(axis, config):
    when = axis.get("when", {}) if isinstance(axis, dict) else {}
    return all(
        parent in config and config[parent] in (wanted if isinstance(wanted, list) else [wanted])
        for parent, wanted in when.items()
    )


def unscaled(axis):
    """A parameter as it is searched."""
    return {k: v for k, v in axis.items() if k not in ("per", "reference", "rule")} if isinstance(axis, dict) else axis


def as_rows(sampler, configs):
    return [
        tuple((name, sampler.space.config_of(params).get(name)) for name in sampler.space.names) for params in configs
    ]


@pytest.fixture(params=NAMES)
def sampler(request):
    return make(request.param)


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_a_config_depends_on_its_number_only(sampler):
    in_order = [sampler.draw(i) for i in range(60)]
    backwards = [sampler.draw(i) for i in reversed(range(60))]
    assert backwards[::-1] == in_order
    assert len({json.dumps(config) for config in in_order}) == 60


@pytest.mark.parametrize("name", NAMES)
def test_another_process_draws_the_same(name):
    code = (
        "import json, sys\n"
        "from hpsearch.config.config import Search\n"
        "from hpsearch.samplers import choose_levels, make_sampler\n"
        "from hpsearch.space.parsing import parse_space\n"
        "raw, name = json.loads(sys.argv[1])\n"
        "space = parse_space(raw)\n"
        "sampler = make_sampler(Search(sampler=name), space, 5, choose_levels(space, 48, {}))\n"
        "print(json.dumps([sampler.draw(i) for i in (47, 3, 1000)]))\n"
        "print(json.dumps(sorted({'torch', 'ray', 'scipy', 'pandas'} & set(sys.modules))))\n"
    )
    command = [sys.executable, "-c", code, json.dumps([RAW, name])]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    configs, heavy = map(json.loads, ran.stdout.splitlines())
    here = make(name, seed=5)
    assert configs == [here.draw(i) for i in (47, 3, 1000)]
    assert heavy == (["scipy"] if name == "sobol" else [])


@pytest.mark.parametrize("name", NAMES)
def test_seeds_differ(name):
    assert make(name, seed=0).draw(0)["lr"] != make(name, seed=1).draw(0)["lr"]


def test_an_optuna_study_gets_the_same_configs(sampler):
    def objective(trial):
        trial.suggest_float("lr", 1e-4, 1e-1, log=True)
        trial.suggest_categorical("batch_size", [16, 32, 64, 128])
        trial.suggest_float("dropout", 0.0, 0.5)
        trial.suggest_int("layers", 1, 5)
        trial.suggest_int("width", 8, 512, log=True)
        trial.suggest_categorical("optimizer", ["plain", "fast"])
        return 0.0

    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=12)
    assert [trial.params for trial in study.trials] == [sampler.draw(i) for i in range(12)]


def test_asking_with_the_distributions_of_the_space_gives_the_same(sampler):
    study = optuna.create_study(sampler=sampler)
    asked = [study.ask(sampler.space.optuna_distributions()) for _ in range(5)]
    assert [trial.params for trial in asked] == [sampler.draw(i) for i in range(5)]


def test_a_parameter_beside_the_space_is_a_function_of_number_and_name(sampler):
    def suggest(trial):
        return [
            trial.suggest_float("extra", -1, 1),
            trial.suggest_float("stepped", 0, 1, step=0.25),
            trial.suggest_int("steps", 10, 50, step=20),
            trial.suggest_int("log", 1, 64, log=True),
            trial.suggest_categorical("kind", ["a", "b"]),
        ]

    first, second = optuna.create_study(sampler=sampler), optuna.create_study(sampler=sampler)
    values = [suggest(first.ask()) for _ in range(30)]
    second.ask()
    assert suggest(second.ask()) == values[1]
    assert len({tuple(v) for v in values}) == 30
    assert {v[1] for v in values} == {0, 0.25, 0.5, 0.75, 1}
    assert {v[2] for v in values} == {10, 30, 50}


@pytest.mark.parametrize("name", NAMES)
@given(raw=strategies.raw_spaces, seed=strategies.seeds, number=st.integers(0, 10**6), trials=st.integers(1, 500))
@settings(max_examples=30)
def test_values_are_in_any_space(name, raw, seed, number, trials):
    sampler = make(name, raw, seed, trials)
    drawn = sampler.space.only_active(sampler.candidate(number, 0))
    assert list(drawn) == list(sampler.space.parameters)
    if not sampler.space.may_repeat:
        assert sampler.draw(number) == drawn
    for parameter, optuna_distribution in sampler.space.optuna_distributions().items():
        assert optuna_distribution._contains(optuna_distribution.to_internal_repr(drawn[parameter]))
    assert list(sampler.space.config_of(drawn)) == list(sampler.space.names)


@pytest.mark.parametrize("name", NAMES)
@given(tied=strategies.tied_spaces(), seed=strategies.seeds, trials=st.integers(1, 100))
@settings(max_examples=20)
def test_configs_of_any_space_hold_what_it_says(name, tied, seed, trials):
    sampler, again = (make(name, tied.raw, seed, trials, tied.constraints) for _ in range(2))
    space = sampler.space
    configs = drawn(sampler, 24)
    for params in configs:
        for parameter, optuna_distribution in space.optuna_distributions(params).items():
            assert optuna_distribution._contains(optuna_distribution.to_internal_repr(params[parameter]))
        config = space.config_of(params)
        for parameter, axis in tied.raw.items():
            assert (parameter in config) == _is_there(axis, config | params)
        for constraint in tied.constraints:
            bounded, _, most = constraint.partition(" <= ")
            assert bounded not in config or config[bounded] <= float(most)
    # The last one first: a config depends on the numbers before it, not on who asked for them.
    assert [again.draw(number) for number in reversed(range(len(configs)))] == configs[::-1]
    assert len({space.key(params) for params in configs}) == len(configs)


@pytest.mark.parametrize("name", NAMES)
@given(tied=strategies.tied_spaces(finite=True), seed=strategies.seeds, some=st.integers(0, 5))
@settings(max_examples=20)
def test_a_finite_space_is_used_up_when_all_of_it_was_drawn(name, tied, seed, some):
    raw = {key: unscaled(axis) for key, axis in tied.raw.items()}
    bounds = {key: float(most) for key, _, most in (text.partition(" <= ") for text in tied.constraints)}
    wanted = enumerated(raw, lambda config: all(config.get(key, most) <= most for key, most in bounds.items()))
    sampler = make(name, raw, seed, 48, tied.constraints)
    rows = as_rows(sampler, drawn(sampler, 2000))
    assert len(set(rows)) == len(rows)
    assert set(rows) == wanted
    with pytest.raises(SpaceUsedUpError, match="the space is used up"):
        sampler.draw(len(wanted))
    # What is taken is not drawn, and nothing else is left out.
    taken = [sampler.space.key(sampler.draw(number)) for number in range(min(some, len(rows)))]
    rest = make(name, raw, seed, 48, tied.constraints, taken)
    assert set(as_rows(rest, drawn(rest, 2000))) == set(rows[len(taken) :])


@pytest.mark.parametrize("name", NAMES)
def test_a_used_up_space_says_how_many_configs_it_has(name):
    sampler = make(name, FINITE)
    assert len(enumerated(FINITE)) == len(drawn(sampler, 100)) == 24
    taken = [sampler.space.key(sampler.draw(number)) for number in range(20)]
    rest = make(name, FINITE, taken=taken)
    with pytest.raises(SpaceUsedUpError, match="the space is used up: 24 configs in all, and none is left"):
        rest.draw(4)


@pytest.mark.parametrize("name", NAMES)
def test_constraints_hold_for_every_config(name):
    constraints = ["lr * momentum <= 1e-3", "batch_size != 128 or optimizer == 'adamw'"]
    sampler = make(name, TIED, constraints=constraints)
    configs = [sampler.space.config_of(sampler.draw(number)) for number in range(200)]
    for config in configs:
        assert ("momentum" in config) == (config["optimizer"] == "sgd")
        assert config["lr"] * config.get("momentum", 0) <= 1e-3
        assert config["batch_size"] != 128 or config["optimizer"] == "adamw"
        assert 1e-4 <= config["lr"] / (config["batch_size"] / 64) <= 1e-1
    assert {config["optimizer"] for config in configs} == {"sgd", "adamw"}
    assert {config["batch_size"] for config in configs} == {32, 64, 128}


def test_a_grid_without_jitter_has_its_centres_and_no_more():
    raw = {"lr": {"loguniform": [1e-4, 1e-1]}, "n": {"choice": [1, 2, 3]}}
    search = Search(sampler="jittered_grid", jitter=0.0)
    sampler = make_sampler(search, parse_space(raw), 0, {"lr": 4, "n": 3})
    configs = drawn(sampler, 20)
    assert len({json.dumps(config) for config in configs}) == len(configs) == 12
    assert len({config["lr"] for config in configs}) == 4


@pytest.mark.parametrize("first", [0, 64, 1024, 4096])
def test_sobol_points_are_balanced(first):
    """A block of 2^k points from a multiple of 2^k: one in each of 2^k equal parts of an axis."""
    space = parse_space({f"x{axis}": {"uniform": [0, 1]} for axis in range(5)})
    points = [sobol_point(space, 3, first + number) for number in range(64)]
    for name in space.parameters:
        assert sorted(int(point[name] * 64) for point in points) == list(range(64))
    pairs = {(int(point["x0"] * 8), int(point["x1"] * 8)) for point in points}
    assert len(pairs) == 64  # the first two axes are a (0, m, 2) net


def test_every_prefix_of_sobol_points_is_even():
    space = parse_space({f"x{axis}": {"uniform": [0, 1]} for axis in range(4)})
    points = [sobol_point(space, 1, number) for number in range(256)]
    for count in range(1, 257):
        for name in space.parameters:
            counts = Counter(int(point[name] * 4) for point in points[:count])
            assert max(counts[part] for part in range(4)) - min(counts[part] for part in range(4)) <= 2


def test_sobol_points_are_those_of_scipy():
    import numpy as np
    from scipy.stats import qmc

    from hpsearch.trial.seeding import derive_seed

    space = parse_space({"a": {"uniform": [0, 1]}, "b": {"choice": [1, 2]}, "c": {"randint": [0, 9]}})
    whole = qmc.Sobol(3, scramble=True, seed=np.random.default_rng(derive_seed(9, "sobol"))).random(4096)
    for number in (0, 1, 1023, 1024, 2050, 4095):
        assert list(sobol_point(space, 9, number).values()) == pytest.approx(whole[number])


def test_marginals_are_uniform(sampler):
    configs = [sampler.draw(i) for i in range(2000)]
    lr = sampler.space.parameters["lr"]
    quantiles = sorted(lr.quantile(config["lr"]) for config in configs)
    assert max(abs(q - i / 2000) for i, q in enumerate(quantiles)) < 0.0365  # Kolmogorov-Smirnov at 1 %
    for name, share in (("batch_size", 500), ("layers", 400), ("optimizer", 1000)):
        counts = Counter(config[name] for config in configs)
        assert max(abs(count - share) for count in counts.values()) < 100
    dropout = Counter(sampler.space.config_of(config)["dropout"] for config in configs)
    assert sorted(dropout) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert max(abs(count - 2000 / 6) for count in dropout.values()) < 85


@pytest.mark.parametrize("kind", [RandomSampler, JitteredGridSampler, SobolSampler])
def test_from_dict_takes_the_notation_of_a_space_file(kind):
    sampler = kind.from_dict({"lr": {"loguniform": (1e-4, 1e-1)}, "depth": {"choice": (1, 2)}}, seed=3)
    assert 1e-4 <= sampler.draw(0)["lr"] <= 1e-1
    with pytest.raises(FieldError, match="unknown distribution 'loguniforn'"):
        kind.from_dict({"lr": {"loguniforn": [1e-4, 1e-1]}})


def test_adding_a_parameter_leaves_random_draws_of_the_others_alone():
    small = RandomSampler.from_dict({"lr": RAW["lr"]}, seed=1)
    large = RandomSampler.from_dict(RAW, seed=1)
    assert [small.draw(i)["lr"] for i in range(20)] == [large.draw(i)["lr"] for i in range(20)]


def test_reseeding_changes_nothing(sampler):
    before = sampler.draw(7)
    sampler.reseed_rng()
    assert sampler.draw(7) == before


OPTUNA_DISTRIBUTIONS = st.one_of(
    st.builds(FloatDistribution, st.floats(-5, 0), st.floats(0, 5)),
    st.builds(lambda n: FloatDistribution(0.0, n / 10, step=0.1), st.integers(0, 50)),
    st.builds(lambda low, high: FloatDistribution(low, high, log=True), st.floats(0.1, 1), st.floats(1, 5)),
    st.builds(
        lambda low, n, step: IntDistribution(low, low + n * step, step=step),
        st.integers(-5, 5),
        st.integers(0, 20),
        st.integers(1, 7),
    ),
    st.builds(lambda low, high: IntDistribution(low, high, log=True), st.integers(1, 5), st.integers(5, 50)),
    st.just(CategoricalDistribution(("a", 1, None, False))),
)


@given(OPTUNA_DISTRIBUTIONS, strategies.units)
def test_independent_draws_are_in_the_distribution(distribution, unit):
    value = draw_from(distribution, unit)
    assert distribution._contains(distribution.to_internal_repr(value))


def test_numpy_numbers_are_plain_in_a_space():
    import numpy as np

    space = parse_space(plain({"x": {"quniform": [np.float64(0), np.float64(1), np.float64(0.1)]}}))
    assert space.parameters["x"] == Range("quniform", 0.0, 1.0, 0.1)


@pytest.mark.parametrize("name", NAMES)
def test_optuna_stops_when_the_space_is_used_up(name):
    study = optuna.create_study(sampler=make(name, {"a": {"choice": [1, 2, 3]}, "b": {"randint": [0, 1]}}))
    study.optimize(lambda trial: trial.suggest_categorical("a", [1, 2, 3]) + trial.suggest_int("b", 0, 1), n_trials=50)
    assert len({tuple(trial.params.values()) for trial in study.trials}) == len(study.trials) == 6


@pytest.mark.parametrize("name", NAMES)
def test_a_tight_constraint_is_not_taken_for_a_space_that_is_used_up(name):
    raw = {"a": {"uniform": [0, 1]}, "b": {"uniform": [0, 1]}}
    space = parse_space(raw, constraints=["a * b >= 0.94"])  # 18 of 10,000 configs
    sampler = make_sampler(Search(sampler=name), space, 0, choose_levels(space, 48, {}))
    drawn = [sampler.draw(number) for number in range(12)]
    assert all(params["a"] * params["b"] >= 0.94 for params in drawn)
    with pytest.raises(FieldError, match=r"together they hold for [1-9] of 10000 random configs"):
        parse_space(raw, constraints=["a * b >= 0.985"])
    assert parse_space({"a": {"randint": [1, 10**4]}}, constraints=["a == 7"]).constraints


@pytest.mark.parametrize("name", NAMES)
def test_what_is_recalled_is_not_drawn_again_and_changes_nothing(name, monkeypatch):
    whole = drawn(make(name, FINITE), 40)  # more than there are: what is left is listed in the end
    resumed = make(name, FINITE)
    resumed.recall(whole[:10])
    asked = []
    candidate = resumed.candidate
    monkeypatch.setattr(
        resumed, "candidate", lambda number, attempt: asked.append(number) or candidate(number, attempt)
    )
    assert drawn(resumed, 40) == whole
    assert min(asked) == 10


def test_nothing_is_recalled_where_no_config_can_come_twice():
    sampler = make("random")
    sampler.recall([{"lr": 1.0}])
    assert sampler.draw(0) == make("random").draw(0)
