"""The section of a space file that asks for the built-in objective."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.config.section import Section


class Split(Section):
    """Shares of a data set. With an official test set only train and val are cut, in their proportion."""

    train: float = Field(default=0.7, gt=0, lt=1)
    val: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = self.train + self.val + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            msg = f"shares that sum to 1, not to {total:g}"
            raise ValueError(msg)
        return self


class ImageClassifier(ObjectiveSection):
    """The built-in objective.

    Attributes:
        data: A data set that has a name, or `image_folder` for the user's own images.
        model: `small_cnn`, `mlp`, or any classification model of torchvision.
        data_dir: The folder of torchvision's data sets, or with `image_folder` the one that has a folder for each
            label; relative to the space file. The default is `data` in the working directory.
        group: A column of the CSV file in an `image_folder`: images with one value there come into one split.
        download: Whether to fetch a data set that is not there.
        image_size: The side, in pixels, that images are resized to; None leaves them.
        channels: 1 to read the files of an `image_folder` in grey, 3 in colour; None for what they are.
        split_seed: A seed of its own, so that studies with other seeds share a split.
        subset: The share of the train split that is trained on, for quick looks. Val and test stay whole.
        precision: `bf16` runs the forward pass in bfloat16 on a GPU.
    """

    built_in: ClassVar[bool] = True
    one_gpu: ClassVar[bool] = True
    can_predict: ClassVar[bool | None] = True
    files: ClassVar[tuple[tuple[str, ...], ...]] = (("data_dir",),)
    modules: ClassVar[tuple[str, ...]] = ("hpsearch.vision.training",)
    losses: ClassVar[tuple[str, ...]] = ("train_loss", "val_loss")

    use: Literal["image_classifier"]
    data: Literal[
        "digits",
        "mnist",
        "fashion_mnist",
        "kmnist",
        "emnist_byclass",
        "emnist_bymerge",
        "emnist_balanced",
        "emnist_letters",
        "emnist_digits",
        "emnist_mnist",
        "cifar10",
        "cifar100",
        "svhn",
        "image_folder",
    ]
    model: str = "small_cnn"
    data_dir: str = "data"
    download: bool = False
    image_size: int | None = Field(default=None, ge=8, le=1024)
    channels: Literal[1, 3] | None = None
    group: str | None = Field(default=None, min_length=1)
    split: Split = Split()
    split_seed: int = Field(default=0, ge=0, lt=2**32)
    subset: float = Field(default=1.0, gt=0, le=1)
    precision: Literal["fp32", "bf16"] = "fp32"

    def measured_on(self) -> dict[str, Any]:
        """Return the name of the data set, of its folder if it has no other, and its split with the seed."""
        split = {**self.split.model_dump(), "seed": self.split_seed}
        if self.group is not None:
            split["group"] = self.group
        if self.subset < 1:
            split["subset"] = self.subset
        folder = {"folder": Path(self.data_dir).name} if self.data == "image_folder" else {}
        return {"data": self.data, **folder, "split": split}
