"""The class that `search.sampler: {optuna: "package.module:Class", ...}` names: imported, checked, and made."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GridSampler, QMCSampler

from hpsearch.config.sampler_section import SamplerClass
from hpsearch.errors import FieldError
from hpsearch.objectives.importing import find
from hpsearch.text import nearest, shown

FIELD = ("search", "sampler")
_ALLOWED = "a subclass of optuna.samplers.BaseSampler, as package.module:Class"
# These number the points of one sequence, which the seed decides: with a seed for each point there would be none.
_ONE_SEED = (QMCSampler, GridSampler)


@dataclass(frozen=True, kw_only=True, slots=True)
class OptunaClass:
    """A class of samplers and its arguments.

    Attributes:
        name: As the space file gives it.
        kind: The class.
        arguments: Keyword arguments, without a seed.
        seeded: Whether it takes a seed; a class that does not draws what it wants.
    """

    name: str
    kind: type[BaseSampler]
    arguments: Mapping[str, Any]
    seeded: bool

    @property
    def has_one_seed(self) -> bool:
        """Whether all configs of a round need the same seed."""
        return issubclass(self.kind, _ONE_SEED)

    def make(self, seed: int) -> BaseSampler:
        """Return a new sampler."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return self.kind(**self.arguments, **({"seed": seed} if self.seeded else {}))


def load_class(section: SamplerClass, extra_path: str | None) -> OptunaClass:
    """Return the class that a space file names.

    Args:
        section: The file's `search.sampler`.
        extra_path: A folder to import from, after the working directory: the space file's.

    Raises:
        FieldError: There is no such class, it is no sampler, or it refuses its arguments.
    """
    name, field = section.optuna, (*FIELD, "optuna")
    kind = find(name, extra_path, field, _ALLOWED)
    if not isinstance(kind, type) or not issubclass(kind, BaseSampler):
        what = "no Optuna sampler" if isinstance(kind, type) else f"{shown(kind)}, not a class"
        raise FieldError(field, f"{name} is {what}", _ALLOWED)
    if "seed" in section.arguments:
        allowed = "none here: each config has its own, made of the study's seed and the config's number"
        raise FieldError((*FIELD, "seed"), f"found {shown(section.arguments['seed'])}", allowed)
    found = OptunaClass(name=name, kind=kind, arguments=section.arguments, seeded=_takes_seed(kind))
    _check_names(found)
    try:
        found.make(0)
    except ImportError as error:
        raise missing_package(name, error) from error
    except Exception as error:
        problem = f"{name} can't be made with these arguments: {type(error).__name__}: {error}"
        raise FieldError(FIELD, problem, f"arguments that it takes: {inspect.signature(kind)}") from error
    return found


def missing_package(name: str, error: ImportError) -> FieldError:
    """Return the message on a sampler that needs a package which is not installed."""
    package = (error.name or "").partition(".")[0]
    allowed = f"pip install {package}, or another sampler" if package else "another sampler"
    return FieldError((*FIELD, "optuna"), f"{name} needs a package that is not installed: {error}", allowed)


def _takes_seed(kind: type[BaseSampler]) -> bool:
    """Return whether a class can be made with a seed: it has that argument, or hands any on to a base that has it."""
    for one in kind.__mro__:
        if "__init__" not in vars(one):
            continue
        parameters = inspect.signature(one).parameters.values()
        if any(p.name == "seed" and p.kind is not p.POSITIONAL_ONLY for p in parameters):
            return True
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return False
    return False


def _check_names(found: OptunaClass) -> None:
    try:
        signature = inspect.signature(found.kind)
    except (TypeError, ValueError):
        return  # compiled code may have no signature; making one tells
    parameters = signature.parameters.values()
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "seed"]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in found.arguments:
            if name not in known:
                problem = f"{found.name} has no argument {name!r}"
                raise FieldError((*FIELD, name), problem, ", ".join(known) or "no arguments", nearest(name, known))
    for p in parameters:
        if p.name in known and p.default is p.empty and p.name not in found.arguments:
            raise FieldError((*FIELD, p.name), "is missing", f"a value: {found.name}{signature} needs one")
