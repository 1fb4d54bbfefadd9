import math
import warnings

import pytest
import torch
from torch.optim import lr_scheduler

from hpsearch.errors import FieldError
from hpsearch.space.parsing import parse_space
from hpsearch.vision import check_parameters
from hpsearch.vision.optimizers import FlatOptimizer
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.schedules import KINDS, Schedule
from hpsearch.vision.section import ImageClassifier
from support.classifiers import assert_resumes_bitwise, objective, train

STEPS, WARMUP = 64, 5
SPAN = STEPS - WARMUP + 1  # 60: the curve's steps to its end, one after the last


@pytest.fixture(scope="module")
def shared():
    return objective("mlp", epochs=3)


def before(step, steps, warmup_steps):
    """Return the factor by the code of the first releases, which had this schedule only."""
    warmup = min(warmup_steps, steps - 1)
    if step + 1 < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup + 1) / (steps - warmup + 1))) if step + 1 > warmup else 1.0


@pytest.mark.parametrize(("steps", "warmup"), [(100, 10), (80, 0), (7, 2.5), (3, 50), (1, 0), (1000, 333.3)])
def test_the_default_is_to_the_bit_the_schedule_of_the_first_releases(steps, warmup):
    schedule = Hyperparameters().lr_schedule
    ours = [schedule.factor(step, steps, warmup) for step in range(steps)]
    assert ours == [before(step, steps, warmup) for step in range(steps)]


def test_the_schedule_warms_up_and_ends_near_zero():
    factors = [Schedule().factor(step, 100, 10) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9] == 1.0
    assert factors[:10] == sorted(factors[:10])
    assert factors[9:] == sorted(factors[9:], reverse=True)
    assert 0 < factors[-1] < 0.001
    assert all(0 < Schedule().factor(step, 3, 50) <= 1 for step in range(3))  # a warm-up longer than the trial
    assert Schedule().factor(0, 1, 0) > 0


def sigmoid(p):
    return 1 / (1 + math.exp(10 * (p - 0.5)))


CLOSED = [
    (Schedule(kind="constant"), lambda _p: 1.0),
    (Schedule(kind="step", drops=3, gamma=0.5), lambda p: 0.5 ** math.floor(4 * p)),
    (Schedule(kind="multistep", milestones=(0.25, 0.5), gamma=0.2), lambda p: 0.2 ** ((p >= 0.25) + (p >= 0.5))),
    (Schedule(kind="exponential", end=0.03), lambda p: 0.03**p),
    (Schedule(kind="inverse", end=0.05), lambda p: 1 / (1 + 19 * p)),
    (Schedule(kind="polynomial", power=2, end=0.1), lambda p: 0.1 + 0.9 * (1 - p) ** 2),
    (
        Schedule(kind="sigmoid", end=0.2),
        lambda p: 0.2 + 0.8 * (sigmoid(p) - sigmoid(1)) / (sigmoid(0) - sigmoid(1)),
    ),
    (Schedule(kind="cosine", end=0.1), lambda p: 0.1 + 0.9 * (1 + math.cos(math.pi * p)) / 2),
    (
        Schedule(kind="one_cycle", rise=0.25, end=0.001),
        lambda p: (
            0.04 + 0.96 * (1 - math.cos(math.pi * 4 * p)) / 2
            if p < 0.25
            else 0.001 + 0.999 * (1 + math.cos(math.pi * (p - 0.25) / 0.75)) / 2
        ),
    ),
    (Schedule(kind="cyclic", cycles=2, end=0.1), lambda p: 0.1 + 0.9 * (1 - abs(2 * math.fmod(2 * p, 1) - 1))),
]


def test_every_kind_has_a_closed_form_here():
    assert sorted(schedule.kind for schedule, _ in CLOSED) == sorted(KINDS)


@pytest.mark.parametrize(("schedule", "form"), CLOSED, ids=[s.kind for s, _ in CLOSED])
def test_after_the_warm_up_each_schedule_is_its_closed_form_over_all_steps(schedule, form):
    # Sixteenths and 64ths are exact in binary, so the jumps are at the same steps in both.
    for step in range(64):
        factor = schedule.factor(step + 4, 67, 4)
        assert factor == pytest.approx(form((step + 1) / 64), rel=1e-12) if step < 63 else factor >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_each_schedule_warms_up_in_a_line_to_its_first_value(kind):
    schedule = Schedule(kind=kind)
    first = schedule.factor(WARMUP - 1, STEPS, WARMUP)
    assert first == pytest.approx({"one_cycle": 0.04, "cyclic": 0.1}.get(kind, 1.0))
    for step in range(WARMUP):
        assert schedule.factor(step, STEPS, WARMUP) == pytest.approx(first * (step + 1) / WARMUP)
    assert all(0 < schedule.factor(step, 3, 50) <= 1 for step in range(3))
    assert 0 < schedule.factor(0, 1, 0) <= 1
    assert all(0 <= schedule.factor(step, STEPS, 0) <= 1 for step in range(STEPS))


def theirs(make, count, lr=1.0):
    """Return the rates of a scheduler of torch, from its first."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)
    scheduler, rates = make(optimizer), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the optimizer takes no step here
        for _ in range(count):
            rates.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return rates


# OneCycleLR counts from 0 to total_steps - 1, and its peak is at pct_start * total_steps - 1.
PEAK = (0.3 * SPAN + 1) / (SPAN + 1)
PEERS = [
    (Schedule(kind="constant"), lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
    (Schedule(kind="step"), lambda o: lr_scheduler.StepLR(o, SPAN // 3, gamma=0.1)),
    (Schedule(kind="step", drops=9, gamma=0.5), lambda o: lr_scheduler.StepLR(o, SPAN // 10, gamma=0.5)),
    (Schedule(kind="multistep"), lambda o: lr_scheduler.MultiStepLR(o, [SPAN // 2, SPAN * 3 // 4], gamma=0.1)),
    (Schedule(kind="exponential"), lambda o: lr_scheduler.ExponentialLR(o, 0.01 ** (1 / SPAN))),
    (Schedule(kind="polynomial"), lambda o: lr_scheduler.LinearLR(o, 1.0, 1e-12, total_iters=SPAN)),
    (Schedule(kind="polynomial", power=2.5), lambda o: lr_scheduler.PolynomialLR(o, SPAN, power=2.5)),
    (Schedule(kind="cosine"), lambda o: lr_scheduler.CosineAnnealingLR(o, SPAN)),
    (Schedule(kind="cosine", end=0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, SPAN, eta_min=0.1)),
    (Schedule(kind="one_cycle"), lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=SPAN + 1, pct_start=PEAK)),
    (Schedule(kind="cyclic"), lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, step_size_up=SPAN / 8)),
    (Schedule(kind="cyclic", cycles=3, end=0.2), lambda o: lr_scheduler.CyclicLR(o, 0.2, 1.0, step_size_up=SPAN // 6)),
]


@pytest.mark.parametrize(("schedule", "make"), PEERS, ids=[schedule.kind for schedule, _ in PEERS])
def test_after_the_warm_up_each_schedule_is_torchs(schedule, make):
    ours = [schedule.factor(step, STEPS, WARMUP) for step in range(WARMUP - 1, STEPS)]
    assert ours == pytest.approx(theirs(make, SPAN), rel=1e-6, abs=1e-9)


def test_the_warm_up_is_torchs_linear_one():
    ours = [Schedule().factor(step, STEPS, WARMUP) for step in range(WARMUP)]
    warm = theirs(lambda o: lr_scheduler.LinearLR(o, 1 / WARMUP, 1.0, total_iters=WARMUP - 1), WARMUP)
    assert ours == pytest.approx(warm)


SETTINGS = {
    "step": {"lr_drops": 5, "lr_gamma": 0.5},
    "multistep": {"lr_milestones": "0.2 0.4 0.9", "lr_gamma": 0.3},
    "polynomial": {"lr_power": 2, "lr_end": 0.1},
    "one_cycle": {"lr_rise": 0.5},
    "cyclic": {"lr_cycles": 2},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_spans_all_epochs_of_the_trial_and_resumes_bitwise(shared, tmp_path, monkeypatch, kind):
    config = {"lr": 0.02, "batch_size": 256, "warmup_epochs": 0.5, "schedule": kind, **SETTINGS.get(kind, {})}
    rates = []
    step = FlatOptimizer.step
    monkeypatch.setattr(FlatOptimizer, "step", lambda self, lr: (rates.append(lr), step(self, lr)))
    train(shared, tmp_path / "stopped", config, epochs=1)
    schedule = Hyperparameters.from_config(config).lr_schedule
    assert rates == [0.02 * schedule.factor(number, 15, 2.5) for number in range(5)]
    assert_resumes_bitwise(shared, tmp_path, config, epochs=1)


def settings():
    return ImageClassifier(use="image_classifier", data="digits", epochs=2)


@pytest.mark.parametrize(
    ("space", "name", "allowed"),
    [
        ({"schedule": "cosin"}, "schedule", "cosine"),
        ({"schedule": "cyclic", "lr_cycles": 0}, "lr_cycles", "from 1"),
        ({"schedule": "cosine", "lr_end": 0}, "lr_end", "above 0 and below 1"),
        ({"schedule": "multistep", "lr_milestones": "0.5 0.2"}, "lr_milestones", "ascending"),
        ({"schedule": "multistep", "lr_milestones": "30, 60"}, "lr_milestones", "ascending"),
        ({"schedule": "multistep", "lr_milestones": 0.5}, "lr_milestones", "ascending"),
        ({"lr_power": {"uniform": [1.0, 3.0]}}, "lr_power", "lr_power with schedule: polynomial"),
        ({"schedule": {"choice": ["cosine", "step"]}, "lr_rise": 0.2}, "lr_rise", "with schedule: one_cycle"),
    ],
)
def test_what_a_schedule_can_not_use_is_refused(space, name, allowed):
    with pytest.raises(FieldError) as caught:
        check_parameters(parse_space({"lr": {"loguniform": [1e-3, 1e-1]}, **space}), settings())
    assert caught.value.path[:2] == ("space", name)
    assert allowed in caught.value.allowed


def test_settings_of_a_schedule_may_be_searched_with_it():
    space = {
        "schedule": {"choice": ["cosine", "multistep", "cyclic"]},
        "lr_milestones": {"choice": ["0.5 0.75", "0.3 0.6 0.8"]},
        "lr_cycles": {"randint": [1, 5]},
        "lr_end": {"loguniform": [1e-3, 1e-1]},
    }
    check_parameters(parse_space(space), settings())
