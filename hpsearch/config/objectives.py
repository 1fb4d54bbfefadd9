"""The `objective` section of a space file: what a trial trains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hpsearch.config.section import Section, validated
from hpsearch.errors import FieldError
from hpsearch.text import nearest


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


MODULE_AND_NAME = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
_NAMED = Annotated[str, Field(pattern=MODULE_AND_NAME, description="package.module:name of something to import")]


class Python(_Objective):
    """The user's Python: `package.module:name`, a generator function, a function that reports, or a class."""

    python: _NAMED


class Optuna(_Objective):
    """An Optuna-style `objective(trial)`: its `suggest_*` calls are answered from the space."""

    optuna: _NAMED


class Tune(_Objective):
    """A `ray.tune.Trainable` class; each `step()` is an epoch."""

    tune: _NAMED


class Lightning(_Objective):
    """A function of (config) that returns a LightningModule and its data.

    Attributes:
        trainer: Arguments of Lightning's Trainer, beside those that hpsearch sets.
    """

    lightning: _NAMED
    trainer: dict[str, Any] = Field(default={})


class ConfigFile(Section):
    """The config file that a command reads, made for each trial from one of the user's.

    Attributes:
        template: A YAML, JSON or TOML file; relative to the space file.
        key: The mapping in it that the parameters belong in; `.` is the top level.
        map: Where in that mapping a parameter, or `seed`, `epochs`, `trial_dir` or `number` or
            `resume_from`, goes if not under its own
            name.
    """

    template: str
    key: str = Field(default=".", min_length=1)
    map: dict[str, Annotated[str, Field(min_length=1)]] = Field(default={})


class Metrics(Section):
    """Where a command's measurements are read from, if not from lines of JSON on its standard output.

    Attributes:
        regex: A regular expression for a line of its output; its named groups are metrics, and `epoch`.
        csv: A CSV file with a header line that it appends to; `{trial_dir}` is the attempt's folder.
        tensorboard: A folder that it writes TensorBoard events of scalars to; a step is an epoch.
        first_epoch: What the log calls the first epoch.
    """

    regex: str | None = Field(default=None, min_length=1)
    csv: str | None = Field(default=None, min_length=1)
    tensorboard: str | None = Field(default=None, min_length=1)
    first_epoch: Literal[0, 1] = 1

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(value is not None for value in (self.regex, self.csv, self.tensorboard)) != 1:
            msg = "exactly one of regex, csv and tensorboard"
            raise ValueError(msg)
        return self


class Command(_Objective):
    """The user's command: text that is split as a shell would, or a list of arguments.

    Attributes:
        cwd: The working directory; relative to the space file.
        interpreter: The Python that `python` means as the command's program: an interpreter, or the folder of a
            virtual environment; relative to the space file.
        resume: Arguments that are added when a trial goes on after its worker was lost, such as
            `--resume {resume_from}`.
        config_file: What `{config_file}` is made from.
        metrics: Where measurements come from; None for lines of JSON on standard output.
    """

    command: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)] = Field(
        description="text that is split as a shell would, or a list of text; not empty"
    )
    cwd: str | None = None
    interpreter: str | None = None
    resume: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="text that is split as a shell would, or a list of text; not empty"
    )
    config_file: ConfigFile | None = None
    metrics: Metrics | None = None


Objective = ImageClassifier | Python | Optuna | Tune | Lightning | Command
_OBJECTIVES: dict[str, type[ImageClassifier | Python | Optuna | Tune | Lightning | Command]] = {
    "use": ImageClassifier,
    "python": Python,
    "command": Command,
    "optuna": Optuna,
    "tune": Tune,
    "lightning": Lightning,
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
