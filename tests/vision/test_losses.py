import pytest
import torch
from torch import nn

from hpsearch.errors import FieldError
from hpsearch.space.parsing import parse_space
from hpsearch.vision import check_parameters
from hpsearch.vision.losses import training_loss
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.section import ImageClassifier
from support.classifiers import assert_resumes_bitwise, objective


def batch():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(40, 10, generator=generator)
    return logits.requires_grad_(), torch.randint(10, (40,), generator=generator)


def test_cross_entropy_is_torchs_to_the_bit():
    logits, labels = batch()
    for smoothing in (0.0, 0.1):
        ours = training_loss(logits, labels, focal_gamma=None, label_smoothing=smoothing)
        assert torch.equal(ours, nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_the_focal_loss_is_its_closed_form_and_so_is_its_slope(gamma):
    logits, labels = batch()
    probabilities = logits.double().softmax(1)[torch.arange(40), labels]
    closed = (-((1 - probabilities) ** gamma) * probabilities.log()).mean()
    (expected,) = torch.autograd.grad(closed, logits)
    ours = training_loss(logits, labels, focal_gamma=gamma, label_smoothing=0.0)
    (slope,) = torch.autograd.grad(ours, logits)
    assert ours.item() == pytest.approx(closed.item(), rel=1e-5)
    torch.testing.assert_close(slope, expected, atol=1e-6, rtol=1e-4)


def test_gamma_zero_is_cross_entropy_with_its_smoothing():
    logits, labels = batch()
    ours = training_loss(logits, labels, focal_gamma=0.0, label_smoothing=0.2)
    torch.testing.assert_close(ours, nn.functional.cross_entropy(logits, labels, label_smoothing=0.2))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_samples_that_are_surely_right_or_wrong_have_finite_slopes(gamma):
    logits = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    loss = training_loss(logits, torch.tensor([0, 0]), focal_gamma=gamma, label_smoothing=0.0)
    loss.backward()
    assert loss.item() == pytest.approx(100.0)
    assert logits.grad.isfinite().all()


def test_a_trial_with_the_focal_loss_learns_and_resumes_bitwise(tmp_path):
    config = {"lr": 0.02, "batch_size": 64, "loss": "focal", "focal_gamma": 1.5, "label_smoothing": 0.05}
    metrics, _ = assert_resumes_bitwise(objective("mlp", epochs=3), tmp_path, config, epochs=1)
    assert metrics[-1]["val_accuracy"] > 0.8
    assert metrics[-1]["val_loss"] == metrics[-1]["val_log_loss"]


def test_gamma_without_the_focal_loss_is_refused():
    settings = ImageClassifier(use="image_classifier", data="digits", epochs=2)
    space = {"focal_gamma": {"uniform": [0.5, 3.0]}}
    with pytest.raises(FieldError, match="no effect with loss: cross_entropy"):
        check_parameters(parse_space(space), settings)
    check_parameters(parse_space({"loss": {"choice": ["focal", "cross_entropy"]}, **space}), settings)
    with pytest.raises(FieldError, match="cross_entropy, focal"):
        Hyperparameters.from_config({"loss": "mse"})
