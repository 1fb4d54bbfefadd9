import logging
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from hpsearch.errors import ObjectiveError
from hpsearch.trial.seeding import derive_seed
from hpsearch.vision import ImageClassifierObjective
from hpsearch.vision.augment import augmented
from hpsearch.vision.models import NetworkSpec
from hpsearch.vision.optimizers import FlatOptimizer
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.predictions import logits_of
from hpsearch.vision.schedules import Schedule
from hpsearch.vision.section import ImageClassifier
from hpsearch.vision.training import Tensors, Trainer, autocast, batch_sizes
from support.classifiers import SEED, assert_same, objective, train

LOG = logging.getLogger("test")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shared():
    return objective()


@pytest.mark.parametrize(
    "config",
    [
        {"optimizer": "sgd", "lr": 0.05, "dropout": 0.3, "batch_size": 128},
        {"optimizer": "adamw", "lr": 0.01, "augment": "crop_flip", "dropout": 0.2, "batch_size": 96},
    ],
    ids=["sgd", "adamw-augmented"],
)
def test_a_resumed_trial_is_bitwise_the_uninterrupted_one(shared, tmp_path, config):
    straight, state = train(shared, tmp_path / "straight", config)
    train(shared, tmp_path / "resumed", config, epochs=2)
    torch.rand(5)  # whatever else draws from torch's generator
    resumed, other = train(objective(), tmp_path / "resumed", config, attempt=2)
    assert len(straight) == 4
    assert straight == resumed
    assert_same(state, other)


def test_another_seed_trains_other_weights(shared, tmp_path):
    one, _ = train(shared, tmp_path / "one", {"batch_size": 256}, epochs=1)
    other, _ = train(shared, tmp_path / "other", {"batch_size": 256}, epochs=1, seed=SEED + 1)
    assert one != other


def test_a_good_config_learns_the_digits_and_predict_agrees(tmp_path):
    made = objective(epochs=8)
    metrics, state = train(made, tmp_path, {"lr": 0.02, "batch_size": 64})
    assert metrics[-1]["val_accuracy"] > 0.97
    assert metrics[-1]["train_loss"] < 0.2 < metrics[0]["train_loss"]
    probabilities, labels = made.predict(state, "val")
    assert probabilities.dtype == np.float32
    assert labels.dtype == np.int64
    assert probabilities.sum(1) == pytest.approx(np.ones(len(labels)), abs=1e-5)
    assert (probabilities.argmax(1) == labels).mean() == pytest.approx(metrics[-1]["val_accuracy"])
    probabilities, labels = made.predict(state, "test")
    assert len(labels) == 180
    assert (probabilities.argmax(1) == labels).mean() > 0.95


def test_a_diverged_config_yields_nan_and_goes_on(shared, tmp_path):
    config = {"optimizer": "sgd", "lr": 1e30, "warmup_epochs": 0, "batch_size": 256}
    metrics, _ = train(shared, tmp_path, config)
    assert len(metrics) == 4
    assert not math.isfinite(metrics[-1]["train_loss"])


def test_a_torchvision_model_trains_an_epoch(tmp_path):
    made = objective("squeezenet1_1", epochs=1)
    made.settings = made.settings.model_copy(update={"image_size": 24})
    made._splits = {name: Tensors(t.images[:48], t.labels[:48]) for name, t in made._splits.items()}
    metrics, state = train(made, tmp_path, {"batch_size": 16, "dropout": 0.1})
    assert math.isfinite(metrics[0]["val_loss"])
    assert made.predict(state, "val")[0].shape == (48, 10)


def test_setup_comes_first():
    made = ImageClassifierObjective(ImageClassifier(use="image_classifier", data="digits", epochs=1))
    with pytest.raises(ObjectiveError, match="setup"):
        made.predict({}, "val")


@pytest.mark.parametrize(
    ("samples", "batch_size", "sizes"),
    [(10, 5, [5, 5]), (11, 5, [5, 6]), (12, 5, [5, 5, 2]), (3, 8, [3]), (1, 8, [1]), (9, 4, [4, 5]), (3, 1, [1] * 3)],
)
def test_a_single_sample_left_over_joins_the_batch_before(samples, batch_size, sizes):
    assert batch_sizes(samples, batch_size) == sizes


def test_the_schedule_spans_the_settings_epochs_however_early_a_trial_ends(shared, tmp_path, monkeypatch):
    rates = []
    step = FlatOptimizer.step
    monkeypatch.setattr(FlatOptimizer, "step", lambda self, lr: (rates.append(lr), step(self, lr)))
    train(shared, tmp_path, {"lr": 0.01, "batch_size": 256, "warmup_epochs": 0}, epochs=2)
    steps = len(batch_sizes(1258, 256))
    assert rates == [0.01 * Schedule().factor(number, 4 * steps, 0) for number in range(2 * steps)]


class Full(torch.nn.Module):
    """Stands for a GPU that can hold so many images."""

    def __init__(self, holds):
        super().__init__()
        self.holds = holds

    def forward(self, images):
        if len(images) > self.holds:
            raise torch.cuda.OutOfMemoryError("planted")
        return images


def trainer(shared, holds, batch_size=64):
    torch.manual_seed(0)
    network = NetworkSpec(model="mlp", channels=1, side=8, mean=[8.0], std=[6.0], width=16).build()
    network.body.insert(0, Full(holds))
    data = Tensors(*(t[:130] for t in shared._splits["train"]))
    hyper = Hyperparameters(batch_size=batch_size, lr=0.01, optimizer="sgd")
    return Trainer(network, data, hyper, epochs=2, seed=SEED, precision="fp32", log=LOG)


def test_out_of_memory_halves_the_micro_batch_and_keeps_the_gradient(shared, caplog):
    whole, parts = trainer(shared, holds=1000), trainer(shared, holds=20)
    with caplog.at_level(logging.WARNING, logger="test"):
        assert parts.epoch(1) == pytest.approx(whole.epoch(1), abs=1e-5)
    assert parts.parts == 4
    assert caplog.text.count("out of GPU memory") == 2
    for one, other in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    again = trainer(shared, holds=20)
    again.restore(parts.state(1))
    assert again.parts == 4


@pytest.mark.parametrize(("key", "name"), [("scheduler", "steps"), ("random", "seed")])
def test_a_checkpoint_of_another_schedule_or_seed_is_refused(shared, key, name):
    state = trainer(shared, holds=1000).state(1)
    state[key][name] += 1
    with pytest.raises(ObjectiveError, match="allowed: 6 steps with seed"):
        trainer(shared, holds=1000).restore(state)


def test_each_epoch_has_an_order_of_its_own_and_the_same_again(shared):
    def first_batches():
        one, seen = trainer(shared, holds=1000), []
        one.network.body[0].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
        one.epoch(1)
        one.epoch(2)
        return seen[0], seen[len(one.sizes)]

    first, second = first_batches()
    assert not torch.equal(first, second)
    assert all(map(torch.equal, (first, second), first_batches()))


def test_out_of_memory_with_one_image_is_raised(shared):
    with pytest.raises(torch.cuda.OutOfMemoryError):
        trainer(shared, holds=0).epoch(1)


def test_evaluation_halves_its_batch_too(shared):
    network = trainer(shared, holds=50).network
    images = shared._splits["val"].images
    cpu = torch.device("cpu")
    halved = logits_of(network, images, autocast(cpu, "fp32"))
    network.body[0].holds = 1000
    assert torch.allclose(halved, logits_of(network, images, autocast(cpu, "fp32")), atol=1e-5)


def test_bf16_is_for_gpus():
    assert not isinstance(autocast(torch.device("cpu"), "bf16"), torch.autocast)
    assert not isinstance(autocast(torch.device("cuda:0"), "fp32"), torch.autocast)


def test_augmentation_moves_images_and_keeps_what_they_are_made_of():
    images = torch.arange(2 * 3 * 16 * 16).remainder(251).to(torch.uint8).view(2, 3, 16, 16).repeat(20, 1, 1, 1)
    generator = torch.Generator().manual_seed(derive_seed("augment"))
    assert augmented(images, "none", generator) is images
    flipped = augmented(images, "flip", generator)
    turned = [bool(torch.equal(a, b.flip(2))) for a, b in zip(flipped, images, strict=True)]
    assert 5 < sum(turned) < 35
    assert all(t or torch.equal(a, b) for t, a, b in zip(turned, flipped, images, strict=True))
    cropped = augmented(images, "crop", generator)
    assert cropped.shape == images.shape
    assert cropped.dtype == torch.uint8
    shifts = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
    centre = images[:, :, 4:12, 4:12]
    for one, source in zip(cropped, images, strict=True):
        assert any(torch.equal(one[:, 4:12, 4:12], source[:, 4 + y : 12 + y, 4 + x : 12 + x]) for y, x in shifts)
    assert not torch.equal(cropped[:, :, 4:12, 4:12], centre)


def test_a_worker_trains_on_digits_without_torchvision_scikit_learn_and_the_compiler(tmp_path):
    # Each of them would take a worker's start another second, and so would torch's compiler.
    code = (
        "import sys\n"
        "from hpsearch.vision.section import ImageClassifier\n"
        "from hpsearch.executors.base import Workplace\n"
        "from hpsearch.executors.worker.worker import Worker\n"
        "from hpsearch.trial.trial import Direction, Stage, TrialSpec\n"
        "objective = ImageClassifier(use='image_classifier', data='digits', epochs=1)\n"
        "config = {'lr': 0.1, 'batch_size': 256}\n"
        "spec = TrialSpec(stage=Stage.SEARCH, number=0, config=config, seed=1, attempt=1, epochs=1,\n"
        "    metric='val_accuracy', direction=Direction.MAXIMIZE, folder=sys.argv[1] + '/attempt-1')\n"
        "print(list(Worker(Workplace(objective=objective, folder=sys.argv[1])).run(spec))[-1].reason)\n"
        "print(sorted({'torch', 'torch._dynamo', 'torchvision', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split("\n")[:2] == ["finished", "['torch']"]
