"""What every sampler of a space has to do: each test runs for each of them."""

import json
import subprocess
import sys
from collections import Counter

import optuna
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hpsearch.config import Search, plain
from hpsearch.errors import FieldError
from hpsearch.samplers import JitteredGridSampler, RandomSampler, choose_levels, make_sampler
from hpsearch.samplers.base import draw_from
from hpsearch.space import Range, parse_space

RAW = {
    "lr": {"loguniform": [1e-4, 1e-1]},
    "batch_size": {"choice": [16, 32, 64, 128]},
    "dropout": {"quniform": [0.0, 0.5, 0.1]},
    "layers": {"randint": [1, 5]},
    "width": {"lograndint": [8, 512]},
    "momentum": 0.9,
    "optimizer": {"choice": {"plain": {"nesterov": False}, "fast": {"nesterov": True}}},
}
NAMES = ("jittered_grid", "random")


def make(name, raw=RAW, seed=0, trials=48):
    space = parse_space(raw)
    search = Search(sampler=name, trials=trials)
    return make_sampler(search, space, seed, choose_levels(space, trials, search.levels))


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
        "from hpsearch.config import Search\n"
        "from hpsearch.samplers import choose_levels, make_sampler\n"
        "from hpsearch.space import parse_space\n"
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
    assert heavy == []


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
@settings(max_examples=60)
def test_values_are_in_any_space(name, raw, seed, number, trials):
    sampler = make(name, raw, seed, trials)
    drawn = sampler.draw(number)
    assert list(drawn) == list(sampler.space.parameters)
    for parameter, optuna_distribution in sampler.space.optuna_distributions().items():
        assert optuna_distribution._contains(optuna_distribution.to_internal_repr(drawn[parameter]))
    assert list(sampler.space.config(drawn)) == list(sampler.space.names)


def test_marginals_are_uniform(sampler):
    configs = [sampler.draw(i) for i in range(2000)]
    lr = sampler.space.parameters["lr"]
    quantiles = sorted(lr.quantile(config["lr"]) for config in configs)
    assert max(abs(q - i / 2000) for i, q in enumerate(quantiles)) < 0.0365  # Kolmogorov-Smirnov at 1 %
    for name, share in (("batch_size", 500), ("layers", 400), ("optimizer", 1000)):
        counts = Counter(config[name] for config in configs)
        assert max(abs(count - share) for count in counts.values()) < 100
    dropout = Counter(sampler.space.config(config)["dropout"] for config in configs)
    assert sorted(dropout) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert max(abs(count - 2000 / 6) for count in dropout.values()) < 85


@pytest.mark.parametrize("kind", [RandomSampler, JitteredGridSampler])
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
