"""Configs in short, as tables and progress lines show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpsearch.space.distributions import Choice, Distribution, Range
from hpsearch.space.space import Space
from hpsearch.text import clean

_PARAM_CHARACTERS = 24


def short_params(space: Space, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a config in short, by name in the file's order; constants are left out.

    Args:
        config: From `space.config_of`; it may lack names.
    """
    return {
        clean(name): _short(space.parameters[name], config[name])
        for name in space.names
        if name in space.parameters and name in config
    }


def params_line(space: Space, config: Mapping[str, Any]) -> str:
    """Return a config in short on one line, such as `lr=1.2e-03 batch_size=32`."""
    return " ".join(f"{name}={value}" for name, value in short_params(space, config).items())


def _short(distribution: Distribution, value: Any) -> str:
    if isinstance(distribution, Range) and distribution.log and isinstance(value, float):
        return f"{value:.1e}"
    return _text(_name_of(distribution, value) if isinstance(distribution, Choice) else value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    words: dict[Any, str] = {True: "true", False: "false", None: "null"}
    text = words[value] if value is None or isinstance(value, bool) else " ".join(clean(value).split())
    return text if len(text) <= _PARAM_CHARACTERS else f"{text[: _PARAM_CHARACTERS - 1]}…"


def _name_of(choice: Choice, value: Any) -> Any:
    """Return the name of a choice's value, which may be a list or a mapping."""
    pairs = zip(choice.names, choice.values, strict=True)
    return next((name for name, other in pairs if type(other) is type(value) and other == value), value)
