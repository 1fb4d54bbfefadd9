import pytest
import torch
from torch import nn

from hpsearch.errors import FieldError
from hpsearch.vision.models import NetworkSpec, check_model
from hpsearch.vision.section import ImageClassifier


def spec(model="small_cnn", channels=1, side=8, **changes):
    return NetworkSpec(
        model=model, channels=channels, side=side, mean=[100.0] * channels, std=[50.0] * channels, **changes
    )


def images(channels=1, side=8, count=4):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (1, 28), (3, 32), (4, 64)])
@pytest.mark.parametrize("model", ["small_cnn", "mlp"])
def test_own_models_take_any_size_and_channels(model, channels, side):
    network = spec(model, channels, side, width=4).build()
    logits = network(images(channels, side))
    assert logits.shape == (4, 10)


def test_images_are_normalised_by_the_spec():
    network = spec().build()
    seen = []
    network.body.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    network.eval()(torch.full((2, 1, 8, 8), 200, dtype=torch.uint8))
    assert seen[0].unique().tolist() == [2.0]


def test_images_are_resized():
    network = spec("mlp", side=8, image_size=12, width=4).build()
    assert network.body[1].in_features == 144
    assert network(images()).shape == (4, 10)


def test_dropout_sets_every_dropout_layer():
    network = spec("mlp", dropout=0.3).build()
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.3, 0.3]


def test_a_torchvision_model_without_dropout_gets_it_before_its_last_linear_layer():
    network = spec("resnet18", channels=1, side=8, image_size=32, dropout=0.25).build()
    head = network.body.fc
    assert isinstance(head[0], nn.Dropout)
    assert head[0].p == 0.25
    assert head[1].out_features == 10
    assert network.eval()(images()).shape == (4, 10)  # one grey channel, repeated


def test_a_spec_survives_as_plain_data():
    one = spec(dropout=0.1, width=8)
    assert NetworkSpec(**one.as_dict()) == one


def test_an_unknown_model_is_refused_with_the_nearest():
    settings = ImageClassifier(use="image_classifier", data="digits", epochs=1, model="resnet81")
    with pytest.raises(FieldError) as caught:
        check_model(settings)
    assert caught.value.path == ("objective", "model")
    assert caught.value.near in ("resnet18", "resnet101")


def test_images_too_small_for_a_model_are_refused_before_a_trial():
    settings = ImageClassifier(use="image_classifier", data="cifar10", epochs=1, model="alexnet")
    with pytest.raises(FieldError, match="32 pixels"):
        check_model(settings)
    check_model(settings.model_copy(update={"image_size": 64}))


@pytest.mark.parametrize("model", ["squeezenet1_1", "googlenet", "vit_b_16"])
def test_models_with_quirks_pass(model):
    check_model(ImageClassifier(use="image_classifier", data="cifar10", epochs=1, model=model))
