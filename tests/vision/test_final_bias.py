import math

import pytest
import torch
from torch import nn

from hpsearch.errors import FieldError, ObjectiveError
from hpsearch.space.parsing import parse_space
from hpsearch.vision import check_parameters
from hpsearch.vision.final_bias import set_final_bias
from hpsearch.vision.models import NetworkSpec
from hpsearch.vision.section import ImageClassifier
from hpsearch.vision.training import Tensors
from support.classifiers import assert_resumes_bitwise, objective

COUNTS = [400, 200, 100, 50, 20, 10, 10, 5, 4, 1]
LABELS = torch.repeat_interleave(torch.arange(10), torch.tensor(COUNTS))


def network(model, dropout=None):
    spec = NetworkSpec(model=model, channels=1, side=8, mean=[8.0], std=[6.0], dropout=dropout, image_size=32)
    return spec.build()


@pytest.mark.parametrize(
    ("model", "layer"),
    [("small_cnn", "body.14"), ("mlp", "body.7"), ("resnet18", "body.fc.1"), ("squeezenet1_1", "body.classifier.1")],
)
def test_a_network_that_knows_nothing_predicts_the_frequencies(model, layer):
    made = network(model, dropout=0.1)
    last = made.get_submodule(layer)
    set_final_bias(made, LABELS, 10)
    nn.init.zeros_(last.weight)
    images = torch.randint(0, 17, (5, 1, 8, 8), dtype=torch.uint8)
    probabilities = made.eval()(images).softmax(1)
    torch.testing.assert_close(probabilities, torch.tensor(COUNTS).div(800).expand(5, 10))


def test_a_class_without_labels_counts_as_one():
    layer = nn.Linear(4, 3)
    set_final_bias(layer, torch.tensor([0] * 8 + [2] * 2), 3)
    assert layer.bias.tolist() == pytest.approx([math.log(8), 0.0, math.log(2)])


def test_only_the_last_bias_changes():
    torch.manual_seed(0)
    plain = network("mlp").state_dict()
    torch.manual_seed(0)
    made = network("mlp")
    set_final_bias(made, LABELS, 10)
    changed = {name for name, value in made.state_dict().items() if not torch.equal(value, plain[name])}
    assert changed == {"body.7.bias"}


@pytest.mark.parametrize("layer", [nn.Linear(4, 10, bias=False), nn.Linear(4, 7), nn.ReLU()])
def test_a_model_without_such_a_bias_is_refused(layer):
    with pytest.raises(ObjectiveError, match="no bias of 10 numbers; allowed: random"):
        set_final_bias(layer, LABELS, 10)


def test_such_a_model_is_refused_before_the_study_starts():
    settings = ImageClassifier(use="image_classifier", data="digits", model="maxvit_t", image_size=224, epochs=1)
    lr = {"lr": {"loguniform": [1e-4, 1e-2]}}
    with pytest.raises(FieldError, match="last layer of maxvit_t has no bias of 10 numbers") as caught:
        check_parameters(parse_space({**lr, "final_bias": {"choice": ["random", "frequencies"]}}), settings)
    assert caught.value.path == ("space", "final_bias")
    check_parameters(parse_space({**lr, "final_bias": "random"}), settings)
    resnet = settings.model_copy(update={"model": "resnet18"})
    check_parameters(parse_space({**lr, "final_bias": "frequencies"}), resnet)


def test_a_trial_on_uneven_classes_starts_with_a_lower_loss_and_resumes_bitwise(tmp_path):
    made = objective("mlp", epochs=2)
    for name, data in made._splits.items():
        kept = (data.labels < 2) | (torch.arange(len(data.labels)) % 25 == 0)
        made._splits[name] = Tensors(data.images[kept], data.labels[kept])
    config = {"lr": 1e-6, "batch_size": 64}
    losses = {}
    for bias in ("random", "frequencies"):
        trained = {**config, "final_bias": bias}
        metrics, _ = assert_resumes_bitwise(made, tmp_path / bias, trained, epochs=1)
        losses[bias] = metrics[0]["val_loss"]
    shares = torch.bincount(made._splits["val"].labels) / len(made._splits["val"].labels)
    entropy = float(torch.special.entr(shares).sum())
    assert losses["frequencies"] < losses["random"] - 0.5
    assert losses["frequencies"] == pytest.approx(entropy, abs=0.4)
