"""Samplers that are written for Optuna: its own, and a user's, in the spaces of hpsearch."""

import importlib.util
import json
import math
import re
import statistics
import subprocess
import sys
from dataclasses import replace

import optuna
import pytest

from hpsearch.config.config import Search
from hpsearch.errors import FieldError, SpaceUsedUpError, StudyError
from hpsearch.objectives.space_files import parse_config
from hpsearch.samplers import Past, SobolSampler, check_sampler, make_sampler
from hpsearch.space.parsing import parse_space
from hpsearch.trial.trial import Direction
from support.documents import read_yaml

DOWN = Direction.MINIMIZE
RAW = {
    "lr": {"loguniform": [1e-5, 1.0]},
    "weight_decay": {"loguniform": [1e-6, 1e-1]},
    "dropout": {"uniform": [0.0, 0.9]},
}
SPACE = parse_space(RAW)
FINITE = parse_space({"a": {"choice": ["x", "y", "z"]}, "b": {"randint": [1, 4]}})
CONDITIONAL = {
    "momentum": {"uniform": [0.0, 1.0], "when": {"optimizer": "sgd"}},
    "beta": {"quniform": [0.0, 0.9, 0.3], "when": {"optimizer": "adam"}},
    "optimizer": {"choice": ["sgd", "adam"]},
    "layers": {"randint": [1, 5]},
    "lr": {"loguniform": [1e-5, 1.0]},
}
GENETIC = {"optuna": "optuna.samplers:NSGAIISampler", "population_size": 6}
SAMPLERS = [
    {"optuna": "optuna.samplers:RandomSampler"},
    {"optuna": "optuna.samplers:TPESampler", "n_startup_trials": 3, "multivariate": True},
    {"optuna": "optuna.samplers:QMCSampler"},
    {"optuna": "optuna.samplers:QMCSampler", "scramble": True},
    GENETIC,
]
HAS_CMAES = importlib.util.find_spec("cmaes") is not None


def made(sampler, space=SPACE, seed=0, taken=(), folder=None):
    return make_sampler(Search(sampler=sampler), space, seed, {}, taken, None if folder is None else str(folder))


def loss(params):
    lr, weight_decay = math.log10(params["lr"]), math.log10(params["weight_decay"])
    return (lr + 2.3) ** 2 + (weight_decay + 4) ** 2 + 4 * (params["dropout"] - 0.2) ** 2


def search(sampler, trials, value=loss, past=()):
    past = list(past)
    while len(past) < trials:
        proposal = sampler.proposal(len(past), past, DOWN)
        past.append(Past(params=proposal.params, value=value(proposal.params), asked=proposal.asked))
    return past


def refused(sampler, space=RAW, folder=None):
    raw = {"study": "s", "metric": "m", "direction": "maximize", "objective": {"python": "a:b", "epochs": 1}}
    config = parse_config({**raw, "space": space, "search": {"sampler": sampler}})
    with pytest.raises(FieldError) as caught:
        check_sampler(config, None if folder is None else str(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_fresh_process_proposes_the_same_and_another_number_gets_something_else(sampler):
    past = search(made(sampler), 14)
    code = (
        "import json, sys, warnings\n"
        "warnings.simplefilter('error')\n"
        "from hpsearch.config.config import Search\n"
        "from hpsearch.samplers import Past, make_sampler\n"
        "from hpsearch.space.parsing import parse_space\n"
        "from hpsearch.trial.trial import Direction\n"
        "sampler, raw, past = json.loads(sys.argv[1])\n"
        "made = make_sampler(Search.model_validate({'sampler': sampler}), parse_space(raw), 0, {})\n"
        "past = [Past(params=params, value=value, asked=asked) for params, value, asked in past]\n"
        "found = made.proposal(len(past), past, Direction.MINIMIZE)\n"
        "print(json.dumps([found.params, found.asked]))\n"
    )
    given = json.dumps([sampler, RAW, [[one.params, one.value, one.asked] for one in past]])
    command = [sys.executable, "-c", code, given]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    assert ran.stderr == ""
    again = made(sampler)
    here = again.proposal(14, past, DOWN)
    assert json.loads(ran.stdout) == [here.params, here.asked]
    later = [*past, Past(params=here.params, value=None, running=True, asked=here.asked)]
    assert again.proposal(15, later, DOWN).params != here.params
    assert again.proposal(14, past, DOWN) == here  # what it was asked before does not matter


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_conditions_constraints_steps_and_choices_hold(sampler):
    space = parse_space(CONDITIONAL, constraints=["lr * layers <= 0.1"])
    past = search(made(sampler, space), 24, lambda params: params["lr"])
    assert all(space.is_complete(one.params) and space.allows(one.params) for one in past)
    names = {frozenset(one.params) for one in past}
    assert names == {frozenset({"optimizer", "layers", "lr", more}) for more in ("momentum", "beta")}
    assert {type(one.params["layers"]) for one in past} == {int}
    assert len({space.key(one.params) for one in past}) == 24


def test_the_points_of_one_sequence_are_those_of_a_study_of_optunas_own():
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        study = optuna.create_study(sampler=optuna.samplers.QMCSampler(seed=5))
    wanted = []
    for _ in range(9):
        trial = study.ask(SPACE.optuna_distributions())
        wanted.append(trial.params)
        study.tell(trial, 0.0)
    past = search(made({"optuna": "optuna.samplers:QMCSampler"}), 9)
    assert [one.params for one in past[1:]] == [pytest.approx(one) for one in wanted[1:]]  # the first one is random


def test_a_scrambled_sequence_is_as_even_as_it_should_be():
    past = search(made({"optuna": "optuna.samplers:QMCSampler", "scramble": True}), 33)
    cells = {int(one.params["dropout"] / 0.9 * 32) for one in past[1:]}
    assert len(cells) == 32  # a point in each: with a seed for each config they would be random


def test_generations_follow_each_other():
    past = search(made(GENETIC), 40)
    generations = [one.asked["trial"]["NSGAIISampler:generation"] for one in past]
    assert generations == sorted(generations)
    assert generations[-1] == 6
    early, late = (statistics.median(one.value for one in some) for some in (past[:12], past[-12:]))
    assert late < 0.6 * early


@pytest.mark.skipif(not HAS_CMAES, reason="needs cmaes")
def test_cma_es_converges():
    past = search(made({"optuna": "optuna.samplers:CmaEsSampler"}), 80)
    assert statistics.mean(one.value for one in past[-20:]) < 0.3


NEEDING = """
import optuna


class Needing(optuna.samplers.RandomSampler):
    def __init__(self):
        import package_that_nobody_has.models
"""


def test_a_package_that_is_not_there_is_named_before_anything_is_trained(tmp_path):
    (tmp_path / "needing_samplers.py").write_text(NEEDING)
    message = refused({"optuna": "needing_samplers:Needing"}, folder=tmp_path)
    assert message.startswith("search.sampler.optuna: needing_samplers:Needing needs a package")
    missing = "package_that_nobody_has"
    assert message.endswith(f"No module named '{missing}'; allowed: pip install {missing}, or another sampler")


@pytest.mark.parametrize(
    "sampler",
    [
        {"optuna": "optuna.samplers:BruteForceSampler"},
        {"optuna": "optuna.samplers:GridSampler", "search_space": {"a": ["x", "y", "z"], "b": [1, 2, 3, 4]}},
    ],
)
def test_every_config_of_a_small_space_comes_once(sampler):
    taken = [FINITE.key({"a": "y", "b": 2})]
    past = search(made(sampler, FINITE, taken=taken), 11, lambda params: params["b"])
    assert len({FINITE.key(one.params) for one in past} - set(taken)) == 11
    with pytest.raises(SpaceUsedUpError):
        made(sampler, FINITE, taken=taken).propose(11, past, DOWN)


WATCHING = """
import optuna

told = []


class Watching(optuna.samplers.RandomSampler):
    def __init__(self, low=0, **rest):
        super().__init__(**rest)
        self.low = low

    def sample_relative(self, study, trial, search_space):
        told.append([(one.state.name, one.value, one.params) for one in study.get_trials(deepcopy=False)[:-1]])
        return {}


class Unseeded(optuna.samplers.BaseSampler):
    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, name, distribution):
        return distribution.low


class Beyond(Unseeded):
    def sample_independent(self, study, trial, name, distribution):
        return distribution.high * 2


class Breaks(Unseeded):
    def sample_relative(self, study, trial, search_space):
        if len(study.trials) > 25:
            raise KeyError("no such thing")
        return {}


class Two(Unseeded):
    def __init__(self, left, /, right=1):
        self.right = right


def function(trial):
    return None
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with samplers of a user's own, and a name for their module that no other test uses."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = f"own_samplers_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(WATCHING)
    yield tmp_path, name
    sys.modules.pop(name, None)


def test_a_sampler_is_told_ends_and_what_runs(own):
    folder, module = own
    sampler = made({"optuna": f"{module}:Watching", "low": 3}, folder=folder)
    points = [SobolSampler(SPACE, 7).draw(at) for at in range(5)]
    past = [
        Past(params=points[0], value=1.0),
        Past(params=points[1], value=3.0),
        Past(params=points[2], value=None),  # it has failed: as bad as the worst
        Past(params=points[3], value=None, running=True),
        Past(params={**points[4], "lr": 7.0}, value=1.0),  # outside
    ]
    sampler.propose(5, past, DOWN)
    told = sys.modules[module].told[-1]
    assert [(state, value) for state, value, _ in told] == [
        ("COMPLETE", 1.0),
        ("COMPLETE", 3.0),
        ("COMPLETE", 3.0),
        ("RUNNING", None),
    ]
    assert [params for *_, params in told] == points[:4]
    sampler.propose(5, [replace(one, value=None) for one in past[2:4]], DOWN)
    assert [state for state, *_ in sys.modules[module].told[-1]] == ["PRUNED", "RUNNING"]


def test_notes_of_another_round_are_not_shown():
    past = search(made(GENETIC), 12)
    other = made(GENETIC, seed=1)
    found = other.proposal(12, past, DOWN)
    assert found.asked["seed"] == 1
    assert found.asked["trial"] == {"NSGAIISampler:generation": 0}


def test_a_class_without_a_seed_is_fine(own):
    folder, module = own
    sampler = made({"optuna": f"{module}:Unseeded"}, folder=folder)
    sampler.rehearse(DOWN)
    found = sampler.propose(0, [], DOWN)
    assert found == {"lr": 1e-5, "weight_decay": 1e-6, "dropout": 0.0}
    # It repeats itself, so a Sobol point stands in.
    assert sampler.propose(1, [Past(params=found, value=1.0)], DOWN) == SobolSampler(SPACE, 0).draw(1)


def test_a_sampler_that_fails_in_mid_study_ends_it_in_a_line(own):
    folder, module = own
    sampler = made({"optuna": f"{module}:Breaks"}, folder=folder)
    sampler.rehearse(DOWN)
    past = [Past(params=SobolSampler(SPACE, 0).draw(at), value=1.0) for at in range(30)]
    message = rf"search.sampler: {module}:Breaks proposes no config for trial 30: .*{module}.py:\d+: KeyError: .*thing"
    with pytest.raises(StudyError, match=message):
        sampler.propose(30, past, DOWN)


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        ({"optuna": "optuna.samplers:CmaSampler"}, r"search.sampler.optuna: optuna.samplers .*'CmaEsSampler'\?"),
        ({"optuna": "optuna.samplrs:X"}, "search.sampler.optuna: there is no module .* mean 'optuna.samplers'"),
        ({"optuna": "math:pi"}, "search.sampler.optuna: math:pi is 3.14.*, not a class; allowed: a subclass of optuna"),
        ({"optuna": "optuna.trial:Trial"}, "search.sampler.optuna: optuna.trial:Trial is no Optuna sampler; allowed"),
        (
            {"optuna": "optuna.samplers:TPESampler", "n_ei_candidate": 3},
            "search.sampler.n_ei_candidate: .*no argument.*; did you mean 'n_ei_candidates'",
        ),
        (
            {"optuna": "optuna.samplers:TPESampler", "seed": [1]},
            r"search.sampler.seed: found \[1\]; allowed: none here",
        ),
        ({"optuna": "optuna.samplers:GridSampler"}, "search.sampler.search_space: is missing; allowed: a value"),
        (
            {"optuna": "optuna.samplers:QMCSampler", "qmc_type": "x"},
            "search.sampler: .*can't be made with these arguments: ValueError: .*; allowed: arguments that it takes",
        ),
        ({"optuna": "optuna.samplers:BaseSampler"}, "search.sampler: .*can't be made.*: TypeError: .*abstract"),
        (
            {"optuna": "optuna.samplers:TPESampler", "n_startup_trials": "many"},
            "search.sampler.optuna: .*proposes no config of this space: .*TypeError",
        ),
        (
            {"optuna": "optuna.samplers:BruteForceSampler"},
            "search.sampler.optuna: .*proposes no config of this space: .*step must be given",
        ),
        ({"optuna": "OWN:function"}, "search.sampler.optuna: .*, not a class"),
        ({"optuna": "OWN:Beyond"}, "search.sampler.optuna: .*proposes no config .* is outside of the space"),
        ({"optuna": "OWN:Two"}, "search.sampler: OWN:Two can't be made with these arguments: TypeError"),
        (
            {"optuna": "OWN:Unseeded", "low": 1},
            "search.sampler.low: OWN:Unseeded has no argument 'low'; allowed: no arg",
        ),
    ],
)
def test_what_can_not_propose_is_refused_in_a_line(own, sampler, message):
    folder, module = own
    named = {**sampler, "optuna": sampler["optuna"].replace("OWN", module)}
    found = refused(named, folder=folder).replace(module, "OWN")
    assert re.match(message, found), found


def test_a_space_file_and_the_command_line_name_it():
    text = "sampler: {optuna: 'optuna.samplers:TPESampler', n_startup_trials: 5}"
    section = Search(**read_yaml(text)).sampler
    assert (section.optuna, section.arguments) == ("optuna.samplers:TPESampler", {"n_startup_trials": 5})
