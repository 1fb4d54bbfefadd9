"""What the samplers that learn from earlier trials have to do, on functions whose best config is known."""

import json
import math
import statistics
import subprocess
import sys
from dataclasses import replace

import optuna
import pytest

from hpsearch.config.config import Search
from hpsearch.errors import SpaceUsedUpError
from hpsearch.samplers import GpSampler, Past, SobolSampler, TpeSampler, make_sampler
from hpsearch.samplers.adaptive import as_trained, fence, mix
from hpsearch.space.parsing import parse_space
from hpsearch.trial.trial import Direction

BOTH = pytest.mark.parametrize("kind", [TpeSampler, GpSampler])
RAW = {
    "lr": {"loguniform": [1e-5, 1.0]},
    "weight_decay": {"loguniform": [1e-6, 1e-1]},
    "dropout": {"uniform": [0.0, 0.9]},
}
SPACE = parse_space(RAW)
CONDITIONAL_SPACE = {
    "momentum": {"uniform": [0.0, 1.0], "when": {"optimizer": "sgd"}},
    "beta": {"uniform": [0.0, 1.0], "when": {"optimizer": "adam"}},
    "optimizer": {"choice": ["sgd", "adam"]},
    "lr": {"loguniform": [1e-5, 1.0]},
}
CONDITIONAL = parse_space(CONDITIONAL_SPACE)


def loss(params):
    """Return the squared distance from lr 10^-2.3, weight_decay 10^-4, dropout 0.2."""
    lr, weight_decay = math.log10(params["lr"]), math.log10(params["weight_decay"])
    return (lr + 2.3) ** 2 + (weight_decay + 4) ** 2 + 4 * (params["dropout"] - 0.2) ** 2


def points(space, count, value=loss):
    """Return ended trials at Sobol points."""
    sobol = SobolSampler(space, 7)
    return [Past(params=params, value=value(params)) for params in (sobol.draw(i) for i in range(count))]


def search(sampler, trials, value=loss, past=()):
    """Return the trials of a search by one worker."""
    past = list(past)
    while len(past) < trials:
        params = sampler.propose(len(past), past, Direction.MINIMIZE)
        past.append(Past(params=params, value=value(params)))
    return past


def best(past):
    return min(one.value for one in past if one.value is not None)


def distance(space, one, other):
    return math.dist(
        *([axis.quantile(params[name]) for name, axis in space.parameters.items()] for params in (one, other))
    )


def test_a_sampler_built_anew_proposes_the_same_for_a_number_and_not_for_others():
    past = points(SPACE, 12)
    first = TpeSampler(SPACE, 0).propose(12, past, Direction.MINIMIZE)
    again = TpeSampler(SPACE, 0)
    again.propose(13, past[:11], Direction.MINIMIZE)  # what it was asked before does not matter
    assert again.propose(12, past, Direction.MINIMIZE) == first
    assert TpeSampler(SPACE, 1).propose(12, past, Direction.MINIMIZE) != first


def test_another_process_proposes_the_same_and_optuna_says_nothing():
    past = points(CONDITIONAL, 12, lambda params: params["lr"])
    code = (
        "import json, sys, warnings\n"
        "warnings.simplefilter('error')\n"
        "from hpsearch.samplers import GpSampler, Past, TpeSampler\n"
        "from hpsearch.trial.trial import Direction\n"
        "from hpsearch.space.parsing import parse_space\n"
        "assert not {'torch', 'scipy', 'ray'} & set(sys.modules)\n"
        "space = parse_space(json.loads(sys.argv[2]))\n"
        "past = [Past(params=params, value=value) for params, value in json.loads(sys.argv[1])]\n"
        "for kind in (TpeSampler, GpSampler):\n"
        "    print(json.dumps(kind(space, 3).propose(12, past, Direction.MINIMIZE)))\n"
    )
    given = [[[one.params, one.value] for one in past], CONDITIONAL_SPACE]
    command = [sys.executable, "-c", code, *map(json.dumps, given)]
    environment = {"PYTHONHASHSEED": "123", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert ran.stderr == ""
    for kind, line in zip((TpeSampler, GpSampler), ran.stdout.splitlines(), strict=True):
        here = kind(CONDITIONAL, 3)
        assert json.loads(line) == here.propose(12, past, Direction.MINIMIZE)
        assert json.loads(line) != here.propose(13, past, Direction.MINIMIZE)


def test_tpe_finds_what_sobol_points_do_not():
    found = [best(search(TpeSampler(SPACE, seed), 30)) for seed in range(5)]
    missed = [best(search(SobolSampler(SPACE, seed), 30)) for seed in range(5)]
    assert statistics.median(found) < 0.2 * statistics.median(missed)


def test_a_gaussian_process_finds_it_in_few_trials():
    found = [best(search(GpSampler(SPACE, seed), 13)) for seed in range(2)]
    missed = [best(search(SobolSampler(SPACE, seed), 13)) for seed in range(2)]
    assert max(found) < 0.3 * min(missed)


def test_the_direction_counts():
    past = [replace(one, value=-one.value) for one in points(SPACE, 30)]
    up = [TpeSampler(SPACE, 0).propose(i, past, Direction.MAXIMIZE) for i in range(30, 40)]
    down = [TpeSampler(SPACE, 0).propose(i, past, Direction.MINIMIZE) for i in range(30, 40)]
    assert statistics.median(map(loss, up)) < 0.3 * statistics.median(map(loss, down))


@BOTH
def test_a_config_has_the_active_parameters_only(kind):
    trials = 20 if kind is TpeSampler else 13
    past = search(kind(CONDITIONAL, 0), trials, lambda params: params["lr"], points(CONDITIONAL, 12, lambda p: p["lr"]))
    names = [set(one.params) for one in past]
    assert all(one in ({"optimizer", "lr", "momentum"}, {"optimizer", "lr", "beta"}) for one in names)
    assert all(CONDITIONAL.is_complete(one.params) for one in past)


def test_conditional_parameters_are_learnt():
    def value(params):
        if params["optimizer"] == "adam":
            return 2 + params["beta"]
        return (math.log10(params["lr"]) + 2) ** 2 + 9 * (params["momentum"] - 0.9) ** 2

    late = [one.params for one in search(TpeSampler(CONDITIONAL, 0), 40, value)[20:]]
    momentum = [params["momentum"] for params in late if params["optimizer"] == "sgd"]
    assert len(momentum) > 14
    assert abs(statistics.median(momentum) - 0.9) < 0.12


@BOTH
def test_constraints_hold_and_the_search_gets_to_where_they_begin(kind):
    space = parse_space(RAW, constraints=["lr * weight_decay <= 1e-7"])  # the best lies beyond; 0.245 is what is left
    start = points(space, 12)
    trials = 30 if kind is TpeSampler else 14
    past = search(kind(space, 0), trials, past=start)
    assert all(space.allows(one.params) for one in past)
    assert best(past) < 0.7 * best(search(SobolSampler(space, 0), trials, past=start))


@pytest.mark.parametrize(("kind", "taken"), [(TpeSampler, 0), (GpSampler, 4)])
def test_no_config_is_repeated_until_the_space_is_used_up(kind, taken):
    raw = {"depth": {"randint": [1, 5]}, "width": {"quniform": [0.0, 0.3, 0.1]}}
    space = parse_space(raw, constraints=["depth > 1 or width < 0.05"])  # leaves 17
    keys = [(("depth", 5), ("width", width)) for width in (0.0, 0.1, 0.2, 0.3)][:taken]
    sampler = kind(space, 0, keys)
    start = [
        Past(params={"depth": depth, "width": width}, value=depth + width)
        for depth in (2, 3, 4)
        for width in (0.0, 0.1, 0.21, 0.3)  # of which one is stored as drawn, not yet rounded
    ]
    past = search(sampler, 17 - taken, lambda params: params["depth"] + params["width"], start)
    keys += [space.key(one.params) for one in past]
    assert len(set(keys)) == 17
    with pytest.raises(SpaceUsedUpError):
        TpeSampler(space, 0, keys).propose(17, past, Direction.MINIMIZE)


def watched(kind):
    """Return the kind of sampler that keeps what it told the model last, and which axes that one models together."""

    class Watched(kind):
        def _ask(self, study):
            self.told = [trial.params for trial in study.trials]
            self.axes = study.sampler.infer_relative_search_space(study, study.trials[-1])
            return super()._ask(study)

    return Watched


@BOTH
def test_after_a_change_of_bounds_all_axes_are_still_modelled_together(kind):
    wider = SPACE.with_bounds({"lr": (1e-3, 1e2)})
    past = points(SPACE, 30)
    sampler = watched(kind)(wider, 0)
    params = sampler.propose(30, past, Direction.MINIMIZE)
    assert 1e-3 <= params["lr"] <= 1e2
    assert sampler.told == [one.params for one in past if one.params["lr"] >= 1e-3]
    assert sampler.axes == wider.optuna_distributions()


def test_conditional_axes_are_modelled_together_with_the_others():
    past = points(CONDITIONAL, 20, lambda params: params["lr"])
    tpe = watched(TpeSampler)(CONDITIONAL, 0)
    tpe.propose(20, past, Direction.MINIMIZE)
    assert tpe.axes == CONDITIONAL.optuna_distributions()
    assert tpe.told == [one.params for one in past]


@BOTH
def test_proposals_keep_away_from_running_trials(kind):
    past = points(SPACE, 20)
    alone = kind(SPACE, 0).propose(20, past, Direction.MINIMIZE)
    running = [Past(params=mix(SPACE, alone, past[0].params, i / 100), value=None, running=True) for i in (1, 2, 3)]
    beside = kind(SPACE, 0).propose(20, past + running, Direction.MINIMIZE)
    assert distance(SPACE, alone, beside) > 0.05


@BOTH
def test_where_trials_fail_none_is_proposed(kind):
    def value(params):
        return None if params["lr"] > 0.01 else -math.log10(params["lr"])  # better and better, and then nothing

    past = points(SPACE, 30, value)
    numbers = range(30, 31 if kind is GpSampler else 40)
    told = [kind(SPACE, 0).propose(i, past, Direction.MINIMIZE)["lr"] for i in numbers]
    ended = [one for one in past if one.value is not None]
    untold = [kind(SPACE, 0).propose(i, ended, Direction.MINIMIZE)["lr"] for i in numbers]
    assert statistics.median(told) < 0.01 < statistics.median(untold)


def test_failed_trials_do_not_count_as_good_where_most_are_failed():
    past = points(SPACE, 300, lambda params: loss(params) if params["lr"] < 1e-4 else None)
    assert sum(one.value is not None for one in past) < 80
    few = [one for one in past if one.value is None] + [one for one in past if one.value is not None][:2]
    found = [TpeSampler(SPACE, 0).propose(i, few, Direction.MINIMIZE)["lr"] for i in range(300, 310)]
    assert statistics.median(found) < 1e-3


def test_nothing_is_modelled_while_all_trials_have_failed():
    past = [replace(one, value=None) for one in points(SPACE, 20)]
    assert TpeSampler(SPACE, 0).propose(20, past, Direction.MINIMIZE) == SobolSampler(SPACE, 0).draw(20)
    assert GpSampler(SPACE, 0).propose(20, past, Direction.MINIMIZE) == SobolSampler(SPACE, 0).draw(20)


def test_a_huge_loss_does_not_hide_the_others():
    past = [*points(SPACE, 12), Past(params={"lr": 1.0, "weight_decay": 0.1, "dropout": 0.9}, value=1e9)]
    assert loss(GpSampler(SPACE, 0).propose(13, past, Direction.MINIMIZE)) < 1.5


@pytest.mark.parametrize(("kind", "trials"), [(TpeSampler, 20), (GpSampler, 12)])
def test_an_optuna_study_gets_the_same_proposals(kind, trials):
    past = []

    def objective(trial):
        params = {
            "lr": trial.suggest_float("lr", 1e-5, 1.0, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.9),
        }
        wanted = kind.from_dict(RAW, seed=5).propose(trial.number, past, Direction.MAXIMIZE)
        assert params == wanted
        if trial.number == 2:
            raise OSError  # of a machine: it tells nothing
        failed = trial.number in (3, 4)
        past.append(Past(params=params, value=None if failed else -loss(params)))
        if trial.number == 3:
            raise optuna.TrialPruned
        return -math.inf if trial.number == 4 else -loss(params)

    level = optuna.logging.get_verbosity()
    study = optuna.create_study(sampler=kind.from_dict(RAW, seed=5), direction="maximize")
    study.optimize(objective, n_trials=trials, catch=OSError)
    assert len(past) == trials - 1
    assert optuna.logging.get_verbosity() == level


@BOTH
def test_several_objectives_are_refused(kind):
    study = optuna.create_study(sampler=kind(SPACE, 0), directions=["minimize", "maximize"])
    with pytest.raises(ValueError, match=f"{kind.__name__} takes one objective; the study has 2"):
        study.ask(SPACE.optuna_distributions())


@BOTH
def test_a_space_file_names_them(kind):
    sampler = make_sampler(Search(sampler=kind.kind, trials=4), SPACE, 3, {})
    assert type(sampler) is kind
    assert sampler.propose(0, [], Direction.MINIMIZE) == kind(SPACE, 3).propose(0, [], Direction.MINIMIZE)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (
            {"optimizer": "sgd", "momentum": 0.5, "lr": 0.1, "beta": 0.5},
            {"momentum": 0.5, "optimizer": "sgd", "lr": 0.1},
        ),
        ({"optimizer": "sgd", "beta": 0.5, "lr": 0.1}, None),
        ({"optimizer": "lion", "lr": 0.1}, None),
        ({"optimizer": "sgd", "momentum": 1.5, "lr": 0.1}, None),
        ({"optimizer": "sgd", "momentum": "high", "lr": 0.1}, None),
        ({"optimizer": "sgd", "momentum": True, "lr": 0.1}, None),
    ],
)
def test_only_what_the_space_can_hold_is_told(params, told):
    assert as_trained(CONDITIONAL, params) == told


def test_a_quantised_value_is_told_as_it_was_trained():
    space = parse_space({"width": {"quniform": [0.1, 0.3, 0.1]}, "depth": {"randint": [1, 3]}})
    assert as_trained(space, {"width": 0.26, "depth": 2}) == {"width": 0.3, "depth": 2}
    assert as_trained(space, {"width": 0.06, "depth": 2}) == {"width": 0.1, "depth": 2}


def test_mixing_goes_along_each_scale_and_leaves_choices_alone():
    start = {"optimizer": "sgd", "momentum": 0.0, "lr": 1e-4}
    end = {"optimizer": "adam", "beta": 0.3, "lr": 1e-2}
    mixed = mix(CONDITIONAL, start, end, 0.5)
    assert mixed == {"optimizer": "sgd", "momentum": 0.0, "lr": pytest.approx(1e-3)}


def test_the_fence_is_where_outliers_begin():
    assert fence([1.0, 2.0, 3.0, 4.0, -1e6]) == pytest.approx(-2.0, abs=1.0)
    assert fence([0.1]) == fence([*[0.9] * 8, 0.1]) == -math.inf
