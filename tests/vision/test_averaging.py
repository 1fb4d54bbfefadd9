import logging

import numpy as np
import pytest
import torch

from hpsearch.vision.models import NetworkSpec
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.training import Tensors, Trainer, evaluate
from support.classifiers import SEED, assert_resumes_bitwise, objective

LOG = logging.getLogger("test")


@pytest.fixture(scope="module")
def shared():
    return objective(epochs=3)


def trainer(shared, model="small_cnn", **changes):
    torch.manual_seed(0)
    network = NetworkSpec(model=model, channels=1, side=8, mean=[8.0], std=[6.0], width=8).build()
    data = Tensors(*(t[:200] for t in shared._splits["train"]))
    hyper = Hyperparameters(batch_size=20, lr=0.01, **changes)
    return Trainer(network, data, hyper, epochs=2, seed=SEED, precision="fp32", log=LOG)


def floats(network):
    return {name: value.clone() for name, value in network.state_dict().items() if value.is_floating_point()}


@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_the_average_is_the_recurrence_over_all_steps(shared, monkeypatch, decay):
    one = trainer(shared, ema_decay=decay)
    expected, number, step = floats(one.network), [0], one.optimizer.step

    def stepped(lr):
        step(lr)
        keep = min(decay, (1 + number[0]) / (10 + number[0]))
        for name, value in floats(one.network).items():
            expected[name] = keep * expected[name] + (1 - keep) * value
        number[0] += 1

    monkeypatch.setattr(one.optimizer, "step", stepped)
    one.epoch(1)
    one.epoch(2)
    assert number == [20]
    for name, value in floats(one.evaluated).items():
        torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-5)
    assert one.evaluated.state_dict()["body.2.num_batches_tracked"] == 20
    assert not torch.equal(one.evaluated.body[0].weight, one.network.body[0].weight)


def test_the_average_changes_nothing_of_the_training(shared):
    with_average, without = trainer(shared, ema_decay=0.99), trainer(shared)
    assert without.evaluated is without.network
    for epoch in (1, 2):
        assert with_average.epoch(epoch) == without.epoch(epoch)
        evaluate(with_average.evaluated, shared._splits["val"], "fp32")
    for name, value in without.network.state_dict().items():
        assert torch.equal(value, with_average.network.state_dict()[name])


def test_the_average_is_evaluated_kept_and_resumed_bitwise(shared, tmp_path):
    config = {"lr": 0.02, "batch_size": 64, "ema_decay": 0.98, "dropout": 0.2}
    metrics, state = assert_resumes_bitwise(shared, tmp_path, config, epochs=2)
    assert not torch.equal(state["model"]["body.0.weight"], state["trained"]["body.0.weight"])
    probabilities, labels = shared.predict(state, "val")
    assert (probabilities.argmax(1) == labels).mean() == pytest.approx(metrics[-1]["val_accuracy"])
    raw, _ = shared.predict({**state, "model": state["trained"]}, "val")
    assert not np.array_equal(raw, probabilities)


def test_a_checkpoint_without_an_average_has_the_keys_of_before(shared):
    keys = {"epoch", "model", "optimizer", "scheduler", "random", "parts"}
    assert set(trainer(shared).state(1)) == keys
    assert set(trainer(shared, ema_decay=0.5).state(1)) == {*keys, "trained"}


def test_parameters_that_are_not_trained_stay_in_the_average(shared):
    torch.manual_seed(0)
    network = NetworkSpec(model="small_cnn", channels=1, side=8, mean=[8.0], std=[6.0], width=8).build()
    network.body[0].weight.requires_grad_(requires_grad=False)
    before = network.body[0].weight.clone()
    hyper = Hyperparameters(batch_size=20, ema_decay=0.9)
    one = Trainer(network, shared._splits["val"], hyper, epochs=1, seed=SEED, precision="fp32", log=LOG)
    one.epoch(1)
    assert torch.equal(one.evaluated.body[0].weight, before)
