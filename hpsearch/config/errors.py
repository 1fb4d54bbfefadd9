"""Errors of pydantic, in the words of a space file.

Messages take what is allowed from the types and bounds of the fields, so they always fit the models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from hpsearch.errors import FieldError
from hpsearch.text import FieldPath, nearest, shown

_WORDS = {str: "text", bool: "true or false", NoneType: "null", dict: "a mapping", Any: "anything"}
_NUMBERS = {int: "an integer", float: "a number"}
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def field_error(model: type[BaseModel], raw: Mapping[Any, Any], error: ValidationError, path: FieldPath) -> FieldError:
    """Return pydantic's first error as a `FieldError`.

    Args:
        model: What the section was validated against.
        raw: The section's content.
        error: What pydantic raised.
        path: Where the section stands in the file.
    """
    details = error.errors(include_url=False)
    # A mistyped key is often reported as a missing one too; the key in the file says more.
    first = next((d for d in details if d["type"] == "extra_forbidden"), None) or _deepest(raw, details)
    names = _keys_of(raw, first)
    section, spot = _locate(model, names)
    here = (*path, *names)
    if first["type"] == "extra_forbidden":
        known = list(section.model_fields)
        return FieldError(here, f"unknown key {shown(names[-1])}", ", ".join(known), nearest(str(names[-1]), known))
    if names and section.model_config.get("extra") == "allow" and names[-1] not in section.model_fields:
        known = list(section.model_fields)
        allowed = f"{', '.join(known)}; or text under a name of its own"
        return FieldError(here, f"found {shown(first['input'])}", allowed, nearest(str(names[-1]), known))
    allowed = describe(spot)
    if first["type"] == "missing":
        return FieldError(here, "is missing", allowed)
    if first["type"] == "value_error" and _section_in(spot) is not None:
        return FieldError(here, f"found {shown(first['input'])}", str(first["ctx"]["error"]))
    return FieldError(here, f"found {shown(first['input'])}", allowed, nearest(str(first["input"]), _words(spot)))


def _deepest(raw: Mapping[Any, Any], details: Sequence[Any]) -> Any:
    """Return the first error; if a branch of a union refuses a mapping as a whole, the error inside of it."""
    first = details[0]
    if not isinstance(first["input"], Mapping):
        return first
    top = _keys_of(raw, first)
    return max((one for one in details if _keys_of(raw, one)[: len(top)] == top), key=lambda one: len(one["loc"]))


def _keys_of(raw: Mapping[Any, Any], detail: Any) -> FieldPath:
    return _real_keys(raw, detail["loc"], missing=detail["type"] == "missing")


def _words(spot: Any) -> list[str]:
    """Return the words that a field may hold, alone or in a union with something else."""
    annotation = _annotation(spot)
    branches = [annotation, *get_args(annotation)]
    return [str(word) for one in branches if get_origin(one) is Literal for word in get_args(one)]


def _real_keys(raw: Any, location: Sequence[int | str], *, missing: bool) -> FieldPath:
    """Return a location without the names that pydantic adds for the branches of a union."""
    names: list[int | str] = []
    for part in location:
        inside = part in raw if isinstance(raw, Mapping) else isinstance(raw, list) and part in range(len(raw))
        if inside:
            raw = raw[part]
        elif not (missing and part == location[-1]):
            continue
        names.append(part)
    return tuple(names)


def _locate(model: type[BaseModel], names: FieldPath) -> tuple[type[BaseModel], Any]:
    """Return the section that holds the last name, and the field or type that stands there."""
    section = model
    spot: Any = Any
    inner: type[BaseModel] | None = model
    for name in names:
        if inner is not None and isinstance(name, str):
            section = inner
            spot = section.model_fields.get(name, Any)
        else:  # a value of a dict, or an item of a list
            inside = get_args(_annotation(spot))
            spot = inside[-1] if inside else Any
        inner = _section_in(spot)
    return section, _annotation(spot) if get_origin(_annotation(spot)) is Literal else spot


def _annotation(spot: Any) -> Any:
    return spot.annotation if isinstance(spot, FieldInfo) else spot


def _section_in(spot: Any) -> type[BaseModel] | None:
    annotation = _annotation(spot)
    parts = (annotation, *get_args(annotation))
    return next((part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), None)


def describe(spot: Any) -> str:
    """Return what a field, or a value of a type, may be.

    Args:
        spot: A field of a model, whose description comes first if it has one, or an annotation.
    """
    if isinstance(spot, FieldInfo):
        return spot.description or _describe_type(spot.annotation, spot.metadata)
    return _describe_type(spot, [])


def _describe_type(annotation: Any, metadata: Sequence[Any]) -> str:
    arguments, origin = get_args(annotation), get_origin(annotation)
    if origin is Annotated:
        return _describe_annotated(*arguments)
    if origin in (Union, UnionType):
        return ", or ".join(_describe_type(branch, metadata) for branch in arguments)
    if origin is Literal:
        return ", ".join(map(str, arguments))
    return f"a list of {describe(arguments[0])}" if origin is list else _describe_class(origin or annotation, metadata)


def _describe_class(kind: Any, metadata: Sequence[Any]) -> str:
    if kind in _NUMBERS:
        return _NUMBERS[kind] + _bounds(metadata)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"a mapping with {', '.join(kind.model_fields)}"
    return _WORDS[kind]


def _describe_annotated(annotation: Any, *metadata: Any) -> str:
    fields = [m for m in metadata if isinstance(m, FieldInfo)]
    description = next((f.description for f in fields if f.description), None)
    return description or _describe_type(annotation, [m for f in fields for m in f.metadata])


def _bounds(metadata: Sequence[Any]) -> str:
    bounds = [
        f"{sign} {getattr(m, name)}"
        for name, sign in _BOUNDS.items()
        for m in metadata
        if getattr(m, name, None) is not None
    ]
    return f" {' and '.join(bounds)}" if bounds else ""
