"""Commands that take a group of options as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command in the form that typer takes: each field of a dataclass that it takes becomes an option.

    Args:
        command: Takes its options by name. The fields of its dataclasses have the annotations of typer's options.
    """
    annotations = get_type_hints(command, include_extras=True)
    options: list[Parameter] = []
    groups: dict[str, tuple[type, list[Parameter]]] = {}
    for given in signature(command).parameters.values():
        kind = annotations[given.name]
        if is_dataclass(kind) and isinstance(kind, type):
            groups[given.name] = kind, _spread(kind)
            options += groups[given.name][1]
        else:
            options.append(given.replace(annotation=kind))

    @wraps(command)
    def called(**values: Any) -> None:
        for name, (kind, members) in groups.items():
            values[name] = kind(**{one.name: values.pop(one.name) for one in members})
        command(**values)

    called.__signature__ = Signature(options)  # type: ignore[attr-defined]  # what typer reads
    called.__annotations__ = {one.name: one.annotation for one in options}
    return called


def _spread(group: type) -> list[Parameter]:
    annotations = get_type_hints(group, include_extras=True)
    return [
        Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=annotations[one.name])
        for one in fields(group)
    ]
