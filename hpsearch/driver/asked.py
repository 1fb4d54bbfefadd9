"""The keywords of `run` and `resume`: their types and their defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any, TypedDict, TypeVar, cast

from hpsearch.config.budget import as_overrides
from hpsearch.driver.session import Caller, Publish, nothing, silent
from hpsearch.errors import InputError
from hpsearch.executors.resources import ResourceRequest
from hpsearch.study.study import DEFAULT_STUDIES, Study

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Options(TypedDict, total=False):
    request: ResourceRequest | None
    studies: str | Path
    storage: str | None
    publish: Publish
    opened: Callable[[Study], None]


class RunOptions(_Options, total=False):
    """The keywords of `run`.

    Attributes:
        name: The study's; by default the space file's, with a number if that is taken.
        resume: Go on with the study if the name is taken.
        force: With `resume`, draw further trials from the space file's new bounds.
        overrides: `PATH=VALUE`, set in the space file's content.
        budget: Limits of the study, such as `2h` or `gpu_hours=8,epochs=5000`; with `resume` the new totals.
        snapshot: Copy the code now, and train with the copy. The process works in the copy meanwhile.
        request: The workers; None for idle GPUs, or else CPU workers.
        studies: The directory of the study's folder.
        storage: The store's URL, or `sqlite` or `journal` for a file in the study's folder; None to choose by the
            folder.
        publish: Takes events.
        opened: Takes the study once it is locked. From then on it can be resumed, whatever ends it.
    """

    name: str | None
    resume: bool
    force: bool
    overrides: Sequence[str]
    budget: str | None
    snapshot: bool


class ResumeOptions(_Options, total=False):
    """The keywords of `resume`: these two, and five with the same meaning as in `RunOptions`.

    Attributes:
        trials: The search's new total; a number below the finished trials ends the search now.
        budget: Limits of the whole study, such as `3h`; other limits stay.
    """

    trials: int | None
    budget: str | None


@dataclass(frozen=True, kw_only=True)
class _Asked:
    request: ResourceRequest | None = None
    studies: str | Path = DEFAULT_STUDIES
    storage: str | None = None
    publish: Publish = silent
    opened: Callable[[Study], None] = nothing

    def caller(self) -> Caller:
        """Return the study's driver."""
        return Caller(request=self.request or ResourceRequest(), publish=self.publish, opened=self.opened)


@dataclass(frozen=True, kw_only=True)
class AskedRun(_Asked):
    """The values of `RunOptions`, with defaults.

    Raises:
        InputError: `force` without `resume`.
    """

    name: str | None = None
    resume: bool = False
    force: bool = False
    overrides: Sequence[str] = ()
    budget: str | None = None
    snapshot: bool = False

    def __post_init__(self) -> None:
        if self.force and not self.resume:
            raise InputError("--force: only an existing study can take new bounds; allowed: with --resume")

    def all_overrides(self) -> list[str]:
        """Return all values to set in the space file's content. A trial's GPUs are one: its batches depend on them.

        Raises:
            InputError: The budget is wrong.
        """
        each = None if self.request is None else self.request.gpus_per_trial
        gpus = [] if each is None else [f"gpus_per_trial={each}"]
        return [*self.overrides, *gpus, *([] if self.budget is None else as_overrides(self.budget))]


@dataclass(frozen=True, kw_only=True)
class AskedResume(_Asked):
    """The values of `ResumeOptions`, with defaults."""

    trials: int | None = None
    budget: str | None = None


def listing(asked: type) -> Callable[[_Function], _Function]:
    """Give a function with `**options` a full signature, for `help` and notebooks.

    The function refuses an unknown keyword, as any function with that signature.

    Args:
        asked: The dataclass with the options and their defaults.
    """

    def listed(function: _Function) -> _Function:
        signature = inspect.signature(function)
        named = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        named += [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type)
            for one in sorted(fields(asked), key=lambda one: one.name not in asked.__annotations__)  # its own first
        ]
        shown = signature.replace(parameters=named)

        @wraps(function)
        def checked(*arguments: Any, **options: Any) -> Any:
            for name in options:
                if name not in shown.parameters:
                    raise TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}")
            return function(*arguments, **options)

        checked.__signature__ = shown  # type: ignore[attr-defined]  # what inspect reads
        return cast("_Function", checked)

    return listed
