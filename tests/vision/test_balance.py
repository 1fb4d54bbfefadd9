import logging

import numpy as np
import pytest
import torch
from torch import nn

from hpsearch.trial.checkpoint import load_state
from hpsearch.vision import ImageClassifierObjective
from hpsearch.vision.balance import class_weights, drawn
from hpsearch.vision.losses import training_loss
from hpsearch.vision.models import NetworkSpec
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.section import ImageClassifier
from hpsearch.vision.training import Tensors, Trainer, evaluate
from support.attempts import begun
from support.factories import spec

SIZES = (160, 30, 10)
LABELS = torch.repeat_interleave(torch.arange(3), torch.tensor(SIZES))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def images(noise=40):
    """Return images whose left, middle or right third is a little brighter, by their label."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, noise, (len(LABELS), 1, 9, 9), generator=generator)
    for label in range(3):
        pixels[label == LABELS, :, :, 3 * label : 3 * label + 3] += 8
    return pixels.to(torch.uint8)


def trainer(epochs=2, **hyper):
    torch.manual_seed(0)
    network = NetworkSpec(model="mlp", channels=1, side=9, mean=[20.0], std=[12.0], classes=3, width=16).build()
    data = Tensors(images(), LABELS)
    chosen = Hyperparameters(**({"batch_size": 50} | hyper))
    return Trainer(network, data, chosen, epochs=epochs, seed=3, precision="fp32", log=logging.getLogger("test"))


def test_weights_are_inverse_to_the_size_of_a_class_and_one_in_the_mean():
    weights = class_weights(LABELS)
    assert weights.tolist() == pytest.approx([200 / (3 * size) for size in SIZES])
    assert float(weights[LABELS].mean()) == pytest.approx(1.0)
    assert class_weights(torch.tensor([2, 2, 0])).tolist() == pytest.approx([1.5, 1.5, 0.75])


def test_equal_classes_have_the_weight_one():
    assert class_weights(torch.arange(12) % 4).tolist() == [1.0] * 4


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_weighted_loss_over_a_whole_epoch_is_that_of_torch(smoothing):
    logits = torch.randn(len(LABELS), 3, generator=torch.Generator().manual_seed(1))
    weights = class_weights(LABELS)
    ours = training_loss(logits, LABELS, focal_gamma=None, label_smoothing=smoothing, class_weights=weights)
    each = nn.functional.cross_entropy(logits, LABELS, reduction="none", label_smoothing=smoothing)
    per_class = [float(each[label == LABELS].mean()) for label in range(3)]
    assert float(ours) == pytest.approx(np.mean(per_class), rel=1e-5)  # each class counts the same
    if not smoothing:  # with it, torch weighs each class's share of the target by that class
        assert float(ours) == pytest.approx(float(nn.functional.cross_entropy(logits, LABELS, weights)), rel=1e-5)


def test_micro_batches_have_the_gradient_of_the_whole_batch():
    whole, parts = trainer(balance="weights"), trainer(balance="weights")
    parts.parts = 4
    assert parts.epoch(1) == pytest.approx(whole.epoch(1), abs=1e-5)
    for one, other in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_resampling_draws_each_class_as_often_as_any_other():
    weights = class_weights(LABELS)[LABELS]
    generator = torch.Generator().manual_seed(5)
    counts = sum(torch.bincount(LABELS[drawn(weights, generator)], minlength=3) for _ in range(50))
    assert len(drawn(weights, generator)) == len(LABELS)
    assert counts.tolist() == pytest.approx([10000 / 3] * 3, rel=0.05)


def test_each_epoch_draws_anew_and_the_same_again():
    def orders(number):
        made = trainer(balance="resample")
        return made._order(torch.Generator().manual_seed(number)).tolist()

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)
    assert len(set(orders(1))) < len(LABELS)


def test_without_balance_nothing_changes_bitwise():
    one, other = trainer(), trainer(balance="none")
    assert one.epoch(1) == other.epoch(1)
    assert all(map(torch.equal, one.network.parameters(), other.network.parameters()))
    assert sorted(one._order(torch.Generator().manual_seed(0)).tolist()) == list(range(len(LABELS)))


@pytest.mark.parametrize("balance", ["weights", "resample"])
def test_balance_finds_more_of_a_rare_class(balance):
    def recall(**hyper):
        made = trainer(epochs=12, lr=0.003, **hyper)
        for epoch in range(1, 13):
            made.epoch(epoch)
        made.network.eval()
        with torch.no_grad():
            found = made.network(made.data.images).argmax(1)
        return float((found[LABELS == 2] == 2).float().mean())

    assert recall(balance=balance) > recall() + 0.2


def test_validation_has_no_weights():
    made = trainer(balance="weights")
    expected = evaluate(made.network, made.data, "fp32")
    with torch.no_grad():
        logits = made.network.eval()(made.data.images)
    assert expected["val_loss"] == pytest.approx(float(nn.functional.cross_entropy(logits, LABELS)), rel=1e-5)


def train(folder, config, epochs=None, attempt=1):
    """Train digits as a worker does; return all metrics and the newest checkpoint."""
    made = ImageClassifierObjective(ImageClassifier(use="image_classifier", data="digits", epochs=3, subset=0.3))
    made.setup("cpu")
    trial, writer = begun(spec(folder, config=config, attempt=attempt, epochs=3, metric="val_accuracy"))
    training = made.train(config, trial)
    for metrics in training:
        writer.commit(trial.measure(metrics, 0.0))
        if len(writer.manifest.measurements) == epochs:
            training.close()
    return [m.metrics for m in writer.manifest.measurements], load_state(writer.folder / writer.manifest.last.file)


@pytest.mark.parametrize("balance", ["weights", "resample"])
def test_a_resumed_trial_is_bitwise_the_uninterrupted_one(tmp_path, balance):
    config = {"balance": balance, "augment": "crop_flip", "dropout": 0.2, "batch_size": 96}
    straight, state = train(tmp_path / "straight", config)
    train(tmp_path / "resumed", config, epochs=1)
    torch.rand(5)  # whatever else draws from torch's generator
    resumed, other = train(tmp_path / "resumed", config, attempt=2)
    assert len(straight) == 3
    assert straight == resumed
    for name, value in state["model"].items():
        assert torch.equal(value, other["model"][name])
    assert straight != train(tmp_path / "plain", config | {"balance": "none"})[0]
