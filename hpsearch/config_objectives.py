"""The `objective` section of a space file: what a trial trains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hpsearch.config_section import Section, validated
from hpsearch.errors import FieldError
from hpsearch.space import nearest


class Split(Section):
    """Shares of a data set; with an official test set only train and val are cut, in their proportion."""

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


class _Objective(Section):
    epochs: int = Field(ge=1, description="an integer >= 1, the full length of a trial")


class ImageClassifier(_Objective):
    """The built-in objective.

    Attributes:
        model: `small_cnn`, `mlp`, or any classification model of torchvision.
        data_dir: Where torchvision's data sets lie, relative to the space file; left unsaid, `data` in the working
            directory.
        download: Whether a data set that is not there may be fetched.
        image_size: Side in pixels that images are resized to; None leaves them.
        split_seed: Its own seed, so that studies with other seeds share a split.
        precision: `bf16` runs the forward pass in bfloat16 on a GPU.
    """

    use: Literal["image_classifier"]
    data: Literal["digits", "mnist", "fashion_mnist", "cifar10", "svhn"]
    model: str = "small_cnn"
    data_dir: str = "data"
    download: bool = False
    image_size: int | None = Field(default=None, ge=8, le=1024)
    split: Split = Split()
    split_seed: int = Field(default=0, ge=0, lt=2**32)
    precision: Literal["fp32", "bf16"] = "fp32"


_NAMED = Annotated[
    str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="package.module:name of something to import")
]


class Python(_Objective):
    """The user's Python: `package.module:name`, a generator function, a function that reports, or a class."""

    python: _NAMED


class Command(_Objective):
    """The user's command: text that is split as a shell would, or a list of arguments.

    Attributes:
        cwd: The working directory; relative to the space file.
    """

    command: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)] = Field(
        description="text that is split as a shell would, or a list of text; not empty"
    )
    cwd: str | None = None


Objective = ImageClassifier | Python | Command
_OBJECTIVES: dict[str, type[ImageClassifier | Python | Command]] = {
    "use": ImageClassifier,
    "python": Python,
    "command": Command,
}
OBJECTIVE_WAYS = tuple(_OBJECTIVES)


def parse_objective(raw: Mapping[str, Any]) -> Objective:
    """Return the objective that the section describes.

    Raises:
        FieldError: The first thing that is wrong.
    """
    ways = [way for way in OBJECTIVE_WAYS if way in raw]
    if len(ways) != 1:
        problem = f"has both {ways[0]!r} and {ways[1]!r}" if ways else f"has none of {', '.join(OBJECTIVE_WAYS)}"
        near = next((way for key in raw if (way := nearest(str(key), OBJECTIVE_WAYS))), "") if not ways else ""
        raise FieldError(("objective",), problem, f"one of {', '.join(OBJECTIVE_WAYS)}", near)
    return validated(_OBJECTIVES[ways[0]], raw, ("objective",))
