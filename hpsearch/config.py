"""The space file: YAML in, a validated and frozen `StudyConfig` out, or one message that says what is wrong and where."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from hpsearch.errors import FieldError
from hpsearch.space import Path, Space, nearest, parse_space
from hpsearch.trial import Direction

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_MIN_PATIENCE_EPOCHS = 5  # shorter patience cost up to 10 points of accuracy on recorded curves (DESIGN, section 6)

OBJECTIVE_WAYS = ("use", "python", "command")


class Section(BaseModel):
    """A part of the file: strict types, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


def _share(text: str) -> str:
    number = text.removesuffix("%").strip()
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if not text.endswith("%") or not 0 < share <= 100:  # noqa: PLR2004 - percent
        msg = "epochs as an integer, or a share of them such as 25%"
        raise ValueError(msg)
    return text


Share = Annotated[str, AfterValidator(_share)]
SectionT = TypeVar("SectionT", bound=Section)


class Stall(Section):
    """When a trial counts as stalled.

    Attributes:
        patience: Epochs without a new best, or a share of the trial's epochs (at least 5).
        min_delta: How much better a new best has to be, in the metric's own unit.
        warmup: Epochs that never count as stalled.
    """

    patience: Annotated[int, Field(ge=1)] | Share = "25%"
    min_delta: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    warmup: int = Field(default=0, ge=0)

    def patience_epochs(self, epochs: int) -> int:
        """Return the patience for trials of so many epochs."""
        if isinstance(self.patience, int):
            return self.patience
        return max(_MIN_PATIENCE_EPOCHS, math.ceil(float(self.patience.removesuffix("%")) / 100 * epochs))


class Prune(Section):
    """What ends a trial early. A diverged one always ends."""

    stall: Stall | None = Stall()


class Search(Section):
    """How configs are proposed.

    Attributes:
        trials: How many.
        levels: Levels of a grid by parameter; those left out are chosen when the study is made.
        jitter: 1.0 draws from a whole cell of the grid, 0.0 takes its centre.
    """

    sampler: Literal["jittered_grid", "random"] = "jittered_grid"
    trials: int = Field(default=48, ge=1)
    levels: dict[str, Annotated[int, Field(ge=1, le=1000)]] = {}
    jitter: float = Field(default=1.0, ge=0, le=1)


class Finalists(Section):
    """How many of the best configs are retrained, with how many seeds each."""

    configs: int = Field(default=3, ge=1)
    seeds: int = Field(default=5, ge=1)


class Ensemble(Section):
    """The vote of the best checkpoints.

    Attributes:
        members: At most so many.
        vote: `soft` averages probabilities, `hard` counts votes.
        weights: What a member's weight is proportional to.
    """

    members: int = Field(default=5, ge=1)
    vote: Literal["soft", "hard"] = "soft"
    weights: Literal["uniform", "accuracy", "confidence"] = "confidence"


class Faults(Section):
    """What is done about bad luck (DESIGN, section 8)."""

    trial_timeout_s: float | None = Field(default=None, gt=0)
    epoch_timeout_s: float | None = Field(default=None, gt=0)
    max_retries: int = Field(default=2, ge=0)
    max_identical_errors: int = Field(default=3, ge=1)


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
    epochs: int = Field(ge=1)


class ImageClassifier(_Objective):
    """The built-in objective.

    Attributes:
        model: `small_cnn`, `mlp`, or any classification model of torchvision.
        data_dir: Where torchvision's data sets lie; relative to the space file.
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


class Python(_Objective):
    """The user's Python: `package.module:name`, a generator function, a function that reports, or a class."""

    python: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")


class Command(_Objective):
    """The user's command: text that is split as a shell would, or a list of arguments."""

    command: str | list[str]
    cwd: str | None = None


Objective = ImageClassifier | Python | Command
_OBJECTIVES: dict[str, type[ImageClassifier | Python | Command]] = {
    "use": ImageClassifier,
    "python": Python,
    "command": Command,
}


class _File(Section):
    study: str = Field(pattern=_NAME)
    metric: str = Field(min_length=1)
    direction: Literal["maximize", "minimize"]
    seed: int = Field(default=0, ge=0, lt=2**32)
    objective: dict[str, Any]
    space: dict[Any, Any]
    search: Search = Search()
    prune: Prune | None = Prune()
    finalists: Finalists | None = Finalists()
    ensemble: Ensemble | None = Ensemble()
    keep_checkpoints: int = Field(default=10, ge=1)
    faults: Faults = Faults()


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyConfig:
    """A validated space file.

    Attributes:
        raw: The file's content after `--set`, as JSON types; what a study stores, and parses again when it is resumed.
    """

    study: str
    metric: str
    direction: Direction
    seed: int
    objective: Objective
    space: Space
    search: Search
    prune: Prune | None
    finalists: Finalists | None
    ensemble: Ensemble | None
    keep_checkpoints: int
    faults: Faults
    raw: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that change with any value of the file."""
        canonical = json.dumps(self.raw, sort_keys=True, default=str)
        return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


def parse_config(raw: object) -> StudyConfig:
    """Return the study that a space file's content describes.

    Args:
        raw: Nested mappings, lists and scalars, as YAML or JSON gives them.

    Raises:
        FieldError: The first thing that is wrong.
    """
    if not isinstance(raw, Mapping):
        raise FieldError((), f"found {type(raw).__name__}", f"a mapping with {', '.join(_File.model_fields)}")
    file = _validated(_File, raw, ())
    objective = _parse_objective(file.objective)
    space = parse_space(file.space)
    _check_names(space, objective, file.search)
    return StudyConfig(
        study=file.study,
        metric=file.metric,
        direction=Direction(file.direction),
        seed=file.seed,
        objective=objective,
        space=space,
        search=file.search,
        prune=file.prune,
        finalists=file.finalists,
        ensemble=file.ensemble,
        keep_checkpoints=file.keep_checkpoints,
        faults=file.faults,
        raw=dict(raw),
    )


def _parse_objective(raw: Mapping[str, Any]) -> Objective:
    ways = [way for way in OBJECTIVE_WAYS if way in raw]
    if len(ways) != 1:
        problem = f"has both {ways[0]!r} and {ways[1]!r}" if ways else f"has none of {', '.join(OBJECTIVE_WAYS)}"
        near = next((way for key in raw if (way := nearest(str(key), OBJECTIVE_WAYS))), "") if not ways else ""
        raise FieldError(("objective",), problem, f"one of {', '.join(OBJECTIVE_WAYS)}", near)
    return _validated(_OBJECTIVES[ways[0]], raw, ("objective",))


def _check_names(space: Space, objective: Objective, search: Search) -> None:
    settings = set(type(objective).model_fields)
    for name in space.names:
        if name in settings:
            raise FieldError(
                ("space", name), f"{name!r} is a setting of the objective", "another name, or set it under objective"
            )
    for name in search.levels:
        if name not in space.parameters:
            known = list(space.parameters)
            raise FieldError(
                ("search", "levels", name), f"{name!r} is not a parameter", ", ".join(known), nearest(name, known)
            )


def _validated(model: type[SectionT], raw: Mapping[str, Any], path: Path) -> SectionT:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _field_error(model, error, path) from None


def _field_error(model: type[Section], error: ValidationError, path: Path) -> FieldError:
    """Return the first error of pydantic's as ours; for a union, what all of its branches allow."""
    details = error.errors(include_url=False)
    first = details[0]
    names, section = _walk(model, first["loc"])
    here = (*path, *names)
    if first["type"] == "extra_forbidden":
        known = list(section.model_fields)
        return FieldError(here, f"unknown key {names[-1]!r}", ", ".join(known), nearest(str(names[-1]), known))
    if first["type"] == "missing":
        return FieldError(here, "is missing", _hint(section, str(names[-1])))
    same = [d for d in details if _walk(model, d["loc"])[0] == names]
    allowed = " or ".join(dict.fromkeys(_allowed(d["msg"]) for d in same))
    near = nearest(str(first["input"]), _literals(first)) if first["type"] == "literal_error" else ""
    return FieldError(here, f"found {_found(first['input'])}", allowed, near)


def _walk(model: type[Section], location: tuple[int | str, ...]) -> tuple[tuple[int | str, ...], type[Section]]:
    """Return the path of a location without pydantic's names of union branches, and the section that its last key is in."""
    names: list[int | str] = []
    section, inner = model, model
    for part in location:
        if isinstance(part, str) and inner is not None and part in inner.model_fields:
            section = inner
            annotation = inner.model_fields[part].annotation
            candidates = [
                a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, Section)
            ]
            names.append(part)
            inner = candidates[0] if candidates else inner
            if not candidates:
                inner = section
        elif names and _is_branch(part, section, names[-1]):
            continue
        else:
            section = inner
            names.append(part)
    return tuple(names), section


def _is_branch(part: int | str, section: type[Section], field: int | str) -> bool:
    """Whether a part of a location is pydantic's name for a branch of a union, not a key of the file."""
    info = section.model_fields.get(str(field))
    if info is None or isinstance(part, int):
        return False
    return not str(info.annotation).startswith("dict") and (
        part.startswith(("function-", "list[")) or part in {"int", "str", "float", "constrained-int"}
    )


def _allowed(message: str) -> str:
    for prefix in ("Input should be a valid ", "Input should be ", "Value error, "):
        if message.startswith(prefix):
            return message.removeprefix(prefix)
    if "should match pattern" in message:
        return f"text that matches {message.rsplit('pattern ', 1)[1]}"
    return message


def _hint(section: type[Section], name: str) -> str:
    hints = {
        "metric": "the name of a metric that the objective yields, such as val_accuracy",
        "direction": "maximize or minimize",
        "study": "a name for the study",
        "epochs": "epochs: N, the full length of a trial",
        "space": "the parameters to search, such as lr: {loguniform: [1e-4, 1e-1]}",
        "objective": f"a mapping with one of {', '.join(OBJECTIVE_WAYS)}, and epochs",
    }
    annotation = section.model_fields[name].annotation
    return hints.get(name) or ", ".join(map(str, get_args(annotation)))


def _literals(detail: Any) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]


def _found(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - a line of a terminal
