import subprocess
import sys

import pytest

from hpsearch.config.file import shipped_spaces
from hpsearch.errors import FieldError
from hpsearch.objectives.space_files import load_space_file
from hpsearch.space.parsing import parse_space
from hpsearch.vision import check_parameters
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.section import ImageClassifier


def settings(**changes):
    return ImageClassifier(use="image_classifier", data="digits", epochs=2, **changes)


def test_shipped_spaces_that_use_the_classifier_are_allowed():
    configs = [load_space_file(path) for path in shipped_spaces().values()]
    own = [config for config in configs if isinstance(config.objective, ImageClassifier)]
    assert {config.objective.data for config in own} >= {"digits", "fashion_mnist", "cifar10", "svhn"}
    for config in own:
        check_parameters(config.space, config.objective)
        assert "data_dir" not in config.raw["objective"]


def test_an_unknown_parameter_is_refused_with_the_nearest_known_one():
    with pytest.raises(FieldError) as caught:
        check_parameters(parse_space({"batchsize": {"choice": [16, 32]}}), settings())
    assert caught.value.path == ("space", "batchsize")
    assert caught.value.near == "batch_size"
    assert "weight_decay" in caught.value.allowed


@pytest.mark.parametrize(
    ("name", "raw", "place"),
    [
        ("optimizer", {"choice": ["sgd", "adamax"]}, ("choice", 1)),
        ("optimizer", {"choice": {"first": "lion", "second": "sgd"}}, ("choice", "first")),
        ("lr", {"uniform": [0.0, 0.1]}, ("uniform", 0)),
        ("dropout", {"uniform": [0.0, 1.0]}, ("uniform", 1)),
        ("batch_size", {"randint": [0, 64]}, ("randint", 0)),
        ("batch_size", {"uniform": [16, 64]}, ("uniform", 0)),
        ("momentum", {"choice": [0.9, 1.0]}, ("choice", 1)),
        ("label_smoothing", {"uniform": [-0.1, 0.1]}, ("uniform", 0)),
        ("width", {"choice": [True, 8]}, ("choice", 0)),
        ("nesterov", {"choice": [True, 1.5]}, ("choice", 1)),
        ("weight_decay_on", {"choice": ["weights", "biases"]}, ("choice", 1)),
        ("l1", {"uniform": [-1.0, 1.0]}, ("uniform", 0)),
        ("clip_norm", {"uniform": [-1.0, 1.0]}, ("uniform", 0)),
        ("clip_value", {"choice": [1.0, -1.0]}, ("choice", 1)),
    ],
)
def test_impossible_values_are_refused_where_they_stand(name, raw, place):
    with pytest.raises(FieldError) as caught:
        check_parameters(parse_space({name: raw}), settings())
    assert caught.value.path == ("space", name, *place)
    assert caught.value.allowed


def test_an_impossible_constant_is_refused():
    space = parse_space({"lr": {"loguniform": [1e-3, 1e-1]}, "augment": "crop_flips"})
    with pytest.raises(FieldError, match="crop_flip") as caught:
        check_parameters(space, settings())
    assert caught.value.path == ("space", "augment")
    assert caught.value.near == "crop_flip"


def test_width_belongs_to_the_own_models():
    space = parse_space({"width": {"choice": [8, 16]}})
    check_parameters(space, settings(model="mlp"))
    with pytest.raises(FieldError, match="resnet18 has no width"):
        check_parameters(space, settings(model="resnet18"))


def test_configs_are_checked_again_when_a_trial_starts():
    assert Hyperparameters.from_config({"lr": 0.1, "batch_size": 8}).batch_size == 8
    with pytest.raises(FieldError, match="from 0 and below 1"):
        Hyperparameters.from_config({"dropout": 1.5})


def test_checks_of_an_own_model_import_neither_torch_nor_sklearn():
    code = (
        "import sys; from hpsearch.vision.section import ImageClassifier\n"
        "from hpsearch.space.parsing import parse_space\n"
        "from hpsearch.vision import ImageClassifierObjective, check_data, check_parameters\n"
        "settings = ImageClassifier(use='image_classifier', data='digits', epochs=2)\n"
        "check_data(settings); check_parameters(parse_space({'lr': {'loguniform': [1e-3, 1]}}), settings)\n"
        "ImageClassifierObjective(settings)\n"
        "print(sorted({'torch', 'torchvision', 'sklearn', 'scipy', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
