"""What the chooser of `sampler: auto` has to do, whatever the space, the metric and the workers are."""

import math
import random
from dataclasses import replace

import pytest

from hpsearch.samplers.auto import AutoChooser, PastConfig, Seen
from hpsearch.space.parsing import parse_space
from hpsearch.trial.trial import Direction
from support.simulated import SimulatedStudy

EPOCHS = 27
RAW = {"lr": {"loguniform": [1e-5, 1.0]}, "width": {"lograndint": [8, 512]}, "dropout": {"uniform": [0.0, 0.9]}}
MIXED = {
    "lr": {"loguniform": [1e-4, 1e-1], "per": "batch_size", "reference": 64},
    "batch_size": {"choice": [16, 64, 256]},
    "optimizer": {"choice": ["sgd", "adam"]},
    "momentum": {"uniform": [0.0, 0.99], "when": {"optimizer": "sgd"}},
    "beta": {"quniform": [0.8, 0.95, 0.05], "when": {"optimizer": "adam"}},
    "layers": {"randint": [1, 5]},
    "units": {"qlograndint": [16, 256, 16]},
    "decay": {"qloguniform": [0.1, 1.0, 0.1]},
    "only": {"choice": ["one"]},
    "constant": 3,
}

PEAK = 1 - math.exp(-4)  # of the accuracy below


def accuracy(params, epoch):
    """Return a curve that rises to its end, which is best at lr 0.003, width 128 and dropout 0.2."""
    off = (math.log10(params["lr"]) + 2.5) ** 2 / 4 + (math.log2(params["width"]) - 7) ** 2 / 16
    end = math.exp(-off - (params["dropout"] - 0.2) ** 2)
    return end * (1 - math.exp(-4 * epoch / EPOCHS))


def mixed_accuracy(params, epoch):
    gain = 1 - (math.log10(params["lr"]) + 2.5) ** 2 / 10 + 0.1 * (params["optimizer"] == "adam")
    return gain * epoch / (epoch + 3)


def chooser(raw=RAW, *, epochs=EPOCHS, direction=Direction.MAXIMIZE, seed=0, **more):
    return AutoChooser(parse_space(raw), seed, epochs, direction, **more)


def study(curve=accuracy, raw=RAW, *, workers=4, trainings=6, **more):
    return SimulatedStudy(chooser(raw, **more), curve, more.get("epochs", EPOCHS), workers=workers).train(trainings)


@pytest.fixture(scope="module")
def trained():
    return study()


def test_it_is_far_ahead_of_random_search():
    found = [study(seed=seed, trainings=10).best() for seed in range(3)]
    space = parse_space(RAW)
    drawn = []
    for seed in range(3):
        generator = random.Random(seed)
        configs = [{name: axis.draw(generator.random()) for name, axis in space.parameters.items()} for _ in range(10)]
        drawn.append(max(accuracy(params, EPOCHS) for params in configs))
    assert min(found) > 0.92
    assert 3 * PEAK - sum(found) < 0.5 * (3 * PEAK - sum(drawn))


def test_the_same_trials_give_the_same_choices_also_in_a_new_process(trained):
    seen = trained.seen()
    again = chooser()
    assert trained.chooser.choose(seen, 5) == again.choose(seen, 5)
    shuffled = random.Random(1).sample(seen, len(seen))
    assert again.choose(shuffled, 5) == again.choose(seen, 5)
    assert again.outlook(shuffled) == chooser().outlook(seen)
    backward = [replace(one, values=dict(reversed(one.values.items()))) for one in seen]
    assert chooser().choose(backward, 5) == again.choose(seen, 5)


def test_other_trials_in_between_change_no_choice(trained):
    seen = trained.seen()
    warm = chooser()
    for count in range(len(seen) - 5, len(seen)):
        warm.choose(seen[:count], 2)
    assert warm.choose(seen, 3) == chooser().choose(seen, 3)


def test_more_choices_at_once_begin_with_the_same_ones(trained):
    seen = trained.seen()
    assert chooser().choose(seen, 9)[:4] == chooser().choose(seen, 4)


def test_seeds_give_other_configs():
    assert study(seed=0, trainings=2).params[5] != study(seed=1, trainings=2).params[5]


def test_minimising_mirrors_maximising():
    upward = study()
    downward = study(lambda params, epoch: -accuracy(params, epoch), direction=Direction.MINIMIZE)
    assert upward.choices == downward.choices


@pytest.mark.parametrize("unit", [1e-200, 1e-9, 1e9, 1e300])
def test_the_unit_of_the_metric_does_not_matter(unit):
    scaled = study(lambda params, epoch: unit * accuracy(params, epoch), trainings=3)
    assert [one.number for one in scaled.choices] == [one.number for one in study(trainings=3).choices]


def test_sixteen_workers_get_sixteen_distinct_choices(trained):
    seen = trained.seen()
    choices = chooser().choose(seen, 16)
    assert len(choices) == 16
    paused = [one.number for one in choices if one.number is not None]
    space = parse_space(RAW)
    keys = [space.key(one.params) for one in choices if one.params is not None]
    assert len(set(paused)) == len(paused)
    assert len(set(keys)) == len(keys)


def test_no_more_trials_begin_than_may(trained):
    for most in (0, 1, 3):
        choices = chooser().choose(trained.seen(), 16, most_new=most)
        assert sum(one.params is not None for one in choices) <= most
    assert len(chooser().choose([], 16, most_new=5)) == 5


def test_running_and_ended_trials_are_never_chosen(trained):
    seen = trained.seen()
    blocked = {one.number: one for one in seen if one.until is not None or one.ended}
    assert blocked
    choices = chooser().choose(seen, len(seen) * 2, most_new=0)
    assert {one.number for one in choices} == {one.number for one in seen} - set(blocked)
    assert all(one.params is None for one in choices)


def test_a_study_goes_on_to_its_end_without_new_trials():
    short = SimulatedStudy(chooser(), accuracy, EPOCHS, most=7).train(100)
    assert len(short.params) == 7
    assert all(len(values) == EPOCHS for values in short.values)


def test_nothing_to_train_is_no_choice():
    assert chooser().choose([], 3, most_new=0) == []
    ended = Seen(number=0, params=study(trainings=1).params[0], values={1: math.nan}, ended=True)
    assert chooser().choose([ended], 3, most_new=0) == []


def test_the_first_trials_are_the_given_configs_and_the_centre():
    given = [{"lr": 0.01, "width": 16, "dropout": 0.5}, {"lr": 0.1, "width": 32, "dropout": 0.1}]
    choices = chooser(first=given).choose([], 4)
    assert [one.params for one in choices[:2]] == given
    assert choices[2].params["dropout"] == pytest.approx(0.45)
    assert len({one.until for one in choices}) == 1
    assert choices[0].until == chooser().ladder[0]


def test_a_trial_that_began_without_an_epoch_comes_first(trained):
    lost = Seen(number=900, params={"lr": 0.5, "width": 99, "dropout": 0.8}, values={})
    choices = chooser().choose([*trained.seen(), lost], 2)
    assert choices[0].number == 900
    assert choices[0].until == chooser().ladder[0]
    assert choices[1].number != 900


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 0.0, 1e308, -1e308, 5e-324], ids=["nan", "inf", "-inf", "0", "+", "-", "e"]
)
def test_a_metric_of_one_value_stops_nothing(value):
    done = study(lambda params, epoch: value, trainings=3)
    assert len(done.choices) > 20
    assert chooser().choose(done.seen(), 4)


def test_wild_metrics_stop_nothing():
    generator = random.Random(3)
    wild = [math.nan, math.inf, 1e308, -1e308, 0.5, 0.5, 1e-300, 0.7]
    done = study(lambda params, epoch: generator.choice(wild[4:] if epoch < 4 else wild), trainings=4)
    assert len(chooser().choose(done.seen(), 4)) == 4
    assert chooser().outlook(done.seen()) is not None


@pytest.mark.parametrize("epochs", [1, 2, 3, 9, 400])
def test_any_number_of_epochs(epochs):
    done = study(epochs=epochs, trainings=3 if epochs > 9 else 40)
    assert done.chooser.ladder[-1] == epochs
    assert done.trained >= 3 * epochs


def test_the_model_is_asked_soon_where_legs_begin_with_one_epoch():
    done = study(epochs=20, trainings=3)
    assert done.chooser.ladder[0] == 1
    assert any(len(values) > 9 for values in done.values)


def test_configs_are_drawn_until_one_learns():
    done = study(lambda params, epoch: 0.5, trainings=4)
    assert len(done.params) >= 54
    assert max(map(len, done.values)) == done.chooser.ladder[0]


def test_all_kinds_of_parameters():
    space = parse_space(MIXED)
    done = study(mixed_accuracy, MIXED, trainings=5)
    assert done.chooser.outlook(done.seen()) is not None
    for params in done.params:
        assert params == space.only_active(params)
        assert space.config_of(params)
    assert len({space.key(params) for params in done.params}) == len(done.params)


def test_constraints_are_kept_also_where_most_configs_are_forbidden():
    texts = ("lr * width < 0.002", "dropout > 0.7 or width < 64")
    space = parse_space(RAW, constraints=texts)
    done = SimulatedStudy(AutoChooser(space, 0, EPOCHS, Direction.MAXIMIZE), accuracy, EPOCHS).train(5)
    assert len(done.params) > 10
    assert all(space.allows(params) for params in done.params)


def test_a_small_space_is_used_up_without_a_repeat():
    raw = {"optimizer": {"choice": ["sgd", "adam", "lion"]}, "layers": {"randint": [1, 4]}}
    space = parse_space(raw, constraints=("layers < 4 or optimizer == 'sgd'",))
    taken = space.key({"optimizer": "lion", "layers": 1})
    model = AutoChooser(space, 0, 9, Direction.MAXIMIZE, taken=[taken])
    done = SimulatedStudy(model, lambda params, epoch: params["layers"] * epoch, 9).train(100)
    keys = {space.key(params) for params in done.params}
    assert len(done.params) == len(keys) == 9
    assert taken not in keys
    assert all(len(values) == 9 for values in done.values)


def test_a_space_of_constants_has_one_config():
    done = study(lambda params, epoch: float(epoch), {"lr": 0.1, "width": {"choice": [8]}}, trainings=5)
    assert done.params == [{"width": 8}]
    assert done.trained == EPOCHS


def test_earlier_studies_help_at_the_start():
    past = [
        PastConfig(params=params, value=max(values.values()))
        for one in (study(seed=7, trainings=8),)
        for params, values in zip(one.params, one.values, strict=True)
    ]
    cold = [study(seed=seed, trainings=1).best() for seed in range(3)]
    warm = [study(seed=seed, trainings=1, past=past).best() for seed in range(3)]
    assert sum(warm) > sum(cold)


def test_earlier_configs_of_another_space_do_not_count():
    params = {"lr": 50.0, "width": 16, "dropout": 0.5}
    other = [PastConfig(params=params, value=1.0), PastConfig(params={"lr": 0.1}, value=2.0)]
    assert study(trainings=2, past=other).choices == study(trainings=2).choices


def test_going_on_is_worth_less_at_the_end():
    early, late = study(trainings=2), study(trainings=20)
    first, last = (one.chooser.outlook(one.seen()) for one in (early, late))
    assert first.gain > last.gain >= 0
    assert last.gain < 0.05
    assert 0 < last.noise < 0.1
    assert chooser().outlook([]) is None


def test_the_outlook_has_the_unit_of_the_metric():
    plain = study(trainings=3)
    scaled = study(lambda params, epoch: -1000 * accuracy(params, epoch), direction=Direction.MINIMIZE, trainings=3)
    one, other = (each.chooser.outlook(each.seen()) for each in (plain, scaled))
    assert other.gain == pytest.approx(1000 * one.gain)
    assert other.noise == pytest.approx(1000 * one.noise)
