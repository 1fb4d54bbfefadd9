"""Trials of the built-in objective, trained as a worker trains them."""

import torch

from hpsearch.trial.checkpoint import load_state
from hpsearch.vision import ImageClassifierObjective
from hpsearch.vision.section import ImageClassifier
from support.attempts import begun
from support.factories import spec

SEED = 7


def objective(model="small_cnn", epochs=4):
    made = ImageClassifierObjective(ImageClassifier(use="image_classifier", data="digits", model=model, epochs=epochs))
    made.setup("cpu")
    return made


def train(objective, folder, config, epochs=None, attempt=1, seed=SEED):
    """Train a trial as a worker does; return all metrics and the newest checkpoint."""
    epochs_in_all = objective.settings.epochs
    trial, writer = begun(
        spec(folder, config=config, seed=seed, attempt=attempt, epochs=epochs_in_all, metric="val_accuracy")
    )
    training = objective.train(config, trial)
    for metrics in training:
        writer.commit(trial.measure(metrics, 0.0))
        if len(writer.manifest.measurements) == epochs:
            training.close()
    return [m.metrics for m in writer.manifest.measurements], load_state(writer.folder / writer.manifest.last.file)


def assert_same(one, other):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other


def assert_resumes_bitwise(objective, folder, config, epochs):
    """Compare a trial with one that was killed after some epochs and went on; return the metrics and the state."""
    straight, state = train(objective, folder / "straight", config)
    train(objective, folder / "resumed", config, epochs=epochs)
    torch.rand(5)  # whatever else draws from torch's generator
    resumed, other = train(objective, folder / "resumed", config, attempt=2)
    assert len(straight) == objective.settings.epochs
    assert straight == resumed
    assert_same(state, other)
    return straight, state
