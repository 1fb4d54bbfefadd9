import math

import numpy as np
import pytest
import torch
from sklearn import metrics as peers

from hpsearch.vision.metrics import classification_metrics
from support.classifiers import assert_resumes_bitwise, objective

NAMES = {"loss", "accuracy", "balanced_accuracy", "macro_f1", "log_loss", "top5_accuracy"}


def theirs(logits, labels):
    probabilities, predicted = logits.double().softmax(1).numpy(), logits.argmax(1).numpy()
    every = np.arange(logits.shape[1])
    loss = peers.log_loss(labels.numpy(), probabilities, labels=every)
    return {
        "loss": loss,
        "log_loss": loss,
        "accuracy": peers.accuracy_score(labels, predicted),
        "balanced_accuracy": peers.recall_score(
            labels, predicted, labels=np.unique(labels), average="macro", zero_division=0
        ),
        "macro_f1": peers.f1_score(labels, predicted, average="macro", zero_division=0),
        "top5_accuracy": peers.top_k_accuracy_score(labels, probabilities, k=5, labels=every),
    }


@pytest.mark.parametrize("shares", [[0.1] * 10, [0.7, 0.2, 0.05, 0.03, 0.02, 0, 0, 0, 0, 0]], ids=["even", "skewed"])
def test_metrics_are_those_of_scikit_learn(shares):
    generator = torch.Generator().manual_seed(1)
    labels = torch.multinomial(torch.tensor(shares), 500, replacement=True, generator=generator)
    logits = torch.randn(500, 10, generator=generator)
    logits[torch.arange(500), labels] += 1
    ours = classification_metrics(logits, labels)
    assert ours.keys() == NAMES
    assert ours == pytest.approx(theirs(logits, labels), rel=1e-5)


def test_always_the_largest_class_is_seen_by_the_balanced_metrics_only():
    labels = torch.tensor([0] * 90 + [1] * 10)
    logits = torch.tensor([[1.0, 0.0, 0.0]]).expand(100, 3)
    found = classification_metrics(logits, labels)
    assert found["accuracy"] == pytest.approx(0.9)
    assert found["balanced_accuracy"] == 0.5
    assert found["macro_f1"] == pytest.approx((2 * 90 / 190) / 2)
    assert found["top5_accuracy"] == 1.0  # of three classes


def test_logits_that_are_no_numbers_are_a_loss_that_is_none():
    found = classification_metrics(torch.full((8, 10), math.nan), torch.arange(8))
    assert math.isnan(found["log_loss"])
    assert all(0 <= found[name] <= 1 for name in NAMES - {"loss", "log_loss"})


def test_every_epoch_of_a_trial_has_all_metrics(tmp_path):
    metrics, _ = assert_resumes_bitwise(objective("mlp", epochs=2), tmp_path, {"batch_size": 128}, epochs=1)
    for one in metrics:
        assert one.keys() == {"train_loss", "train_accuracy", *(f"val_{name}" for name in NAMES)}
