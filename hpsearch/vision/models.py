"""The models: a small CNN, an MLP, and torchvision's classifiers, behind one module that takes raw images."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from hpsearch.errors import FieldError
from hpsearch.text import nearest
from hpsearch.vision.data import facts
from hpsearch.vision.parameters import OWN_MODELS
from hpsearch.vision.section import ImageClassifier

_CNN_WIDTH, _MLP_WIDTH = 16, 128
_RGB = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkSpec:
    """All that is needed to build a network again. A checkpoint has it as a dict.

    Attributes:
        channels: Of the data set's images.
        side: Of the data set's images, in pixels.
        mean, std: Of each channel, in grey levels.
        image_size: The side that images are resized to; None leaves them as they are.
    """

    model: str
    channels: int
    side: int
    mean: list[float]
    std: list[float]
    classes: int = 10
    image_size: int | None = None
    dropout: float | None = None
    width: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    def build(self) -> Network:
        """Return the network with new weights, drawn from torch's global generator."""
        return Network(self)


class Network(nn.Module):
    """Takes raw images and returns logits. Normalises and resizes the images, and repeats grey channels, first.

    Args:
        spec: What to build.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1))
        self.register_buffer("scale", 1 / torch.tensor(spec.std).view(1, -1, 1, 1))
        self.image_size = spec.image_size
        self.repeat_grey = spec.model not in OWN_MODELS and spec.channels < _RGB
        self.body = _body(spec)
        if spec.dropout is not None:
            _set_dropout(self.body, spec.dropout)
        # oneDNN and cuDNN convolve this format faster. It saves 5 to 25 % of a step of small_cnn on a CPU.
        self.to(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits (n, n_classes) of images (n, n_channels, height, width), uint8."""
        x = (images - self.mean).mul_(self.scale)
        if self.image_size is not None and self.image_size != x.shape[-1]:
            size = (self.image_size, self.image_size)
            x = nn.functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
        if self.repeat_grey:
            x = x.expand(-1, _RGB, -1, -1)
        logits: torch.Tensor = self.body(x)
        return logits


def _body(spec: NetworkSpec) -> nn.Module:
    side = spec.image_size or spec.side
    if spec.model == "small_cnn":
        return _small_cnn(spec.channels, side, spec.classes, spec.width or _CNN_WIDTH)
    if spec.model == "mlp":
        return _mlp(spec.channels * side**2, spec.classes, spec.width or _MLP_WIDTH)
    return _torchvision_model(spec.model, side, spec.classes)


def _small_cnn(channels: int, side: int, classes: int, width: int) -> nn.Sequential:
    """Return conv blocks that halve the side down to about 4 pixels, then a global average and a linear layer.

    Two blocks for 8 and 16 pixels, three for 28 and 32, four for 64; each has twice the channels of the one before.
    """
    blocks = max(2, round(math.log2(side)) - 2)
    layers: list[nn.Module] = []
    for block in range(blocks):
        out = width * 2**block
        layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False)]
        # Pooled before the norm, as in KellerJordan/cifar10-airbench: norm and ReLU then have a quarter of the work.
        layers += [nn.MaxPool2d(2)] if block < blocks - 1 else []
        layers += [nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.0), nn.Linear(channels, classes))


def _mlp(inputs: int, classes: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, width),
        nn.ReLU(inplace=True),
        nn.Dropout(0.0),
        nn.Linear(width, width),
        nn.ReLU(inplace=True),
        nn.Dropout(0.0),
        nn.Linear(width, classes),
    )


def _torchvision_model(name: str, side: int, classes: int) -> nn.Module:
    from torchvision.models import get_model

    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        # Auxiliary heads return tuples in training; without init_weights both warn.
        options = {"aux_logits": False, "init_weights": True}
    elif name.startswith("vit_"):
        options = {"image_size": side}
    elif name.startswith("maxvit"):
        options = {"input_size": (side, side)}
    model: nn.Module = get_model(name, weights=None, num_classes=classes, **options)
    return model


def _set_dropout(model: nn.Module, probability: float) -> None:
    layers = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    for layer in layers:
        layer.p = probability
    if layers:
        return
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if linear:
        parent_name, _, name = linear[-1].rpartition(".")
        parent = model.get_submodule(parent_name)
        setattr(parent, name, nn.Sequential(nn.Dropout(probability), getattr(parent, name)))


def check_model(settings: ImageClassifier) -> None:
    """Check that torchvision has the model, and that the images are large enough for it.

    The model runs once on the meta device, which computes shapes only.

    Raises:
        FieldError: The model is unknown, or the images are too small for it.
        InputError: The images are those of a folder that is missing or can't be used.
    """
    import torchvision

    known = [*OWN_MODELS, *torchvision.models.list_models(module=torchvision.models)]
    if settings.model not in known:
        raise FieldError(
            ("objective", "model"),
            f"unknown model {settings.model!r}",
            f"{', '.join(OWN_MODELS)}, or a classification model of torchvision such as resnet18",
            nearest(settings.model, known),
        )
    data = facts(settings)
    side = settings.image_size or data.side
    try:
        with torch.device("meta"):
            _torchvision_model(settings.model, side, data.classes)(torch.empty(2, _RGB, side, side))
    except NotImplementedError:
        return  # a regnet_* computes with its weights while it is built, and the meta device has none
    except Exception as error:
        problem = f"{settings.model} can't take images of {side} pixels: {str(error).splitlines()[0]}"
        allowed = "a larger objective.image_size, or another model"
        raise FieldError(("objective", "model"), problem, allowed) from error
