"""What a setting's name and default suggest: a range to search, or a constant.

| family | suggestion |
| --- | --- |
| learning rates | `loguniform` from default/30 to default*30 |
| weight decay | `loguniform`, two decades around the default |
| dropout, drop path | `uniform` from 0 to 0.5 |
| label smoothing | `uniform` from 0 to 0.2 |
| momentum, `beta1` | `uniform` from 0.8 to 0.99 |
| batch size | `choice` of half, once, twice and four times the default |
| optimisers, schedules, activations with their choices | `choice` of them |
| widths, depths, sizes of hidden layers; switches of the optimiser | a constant, with a `choice` in a comment |
| everything else | a constant |

Which names belong to a family is in `families`. Bounds are rounded to 1, 2 or 5 times a power of ten. A standard range
is used if there is no usable default, or if the default is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hpsearch.drafting.from_script.families import Family, family_of
from hpsearch.drafting.from_script.setting import Setting
from hpsearch.drafting.roles import tokens

_WIDTHS = frozenset([
    "hidden", "width", "depth", "layers", "channels", "filters", "units", "heads", "dim", "dims", "embed",
    "embedding", "blocks",
])  # fmt: skip
_CHOSEN = frozenset([
    "opt", "optim", "optimizer", "optimiser", "activation", "act", "scheduler", "sched", "nonlinearity",
])  # fmt: skip
_NOT_CHOSEN = frozenset(["path", "file", "name", "config", "resume", "checkpointing", "state", "epochs", "unit", "on"])
_MOST_CHOICES = 8  # more are a zoo
_SWITCHES = frozenset([
    "nesterov", "amsgrad", "batch_norm", "batchnorm", "bn", "layer_norm", "layernorm", "bias", "amp", "mixed_precision",
    "fp16", "bf16", "augment", "augmentation", "normalize", "cosine", "cos", "ema", "model_ema", "tied", "mixup",
    "cutmix",
])  # fmt: skip
_SMALLEST, _LARGEST = 1e-12, 1e6  # a default outside is no rate, whatever its name
_LARGEST_BATCH = 2**24
_MOST_LAYERS = 8  # a larger number is a width


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A distribution for a setting.

    Attributes:
        kind: Its name in a space file.
        arguments: Its bounds or its choices.
        sure: Whether the setting is searched. If not, it is a constant, and this is a comment beside it.
        note: What the user should check; may be empty.
        family: The kind of hyperparameter that it is; None for others. One of a family is searched.
    """

    kind: str
    arguments: tuple[Any, ...]
    sure: bool = True
    note: str = ""
    family: Family | None = None


def nice(value: float) -> float:
    """Return the number nearest to a positive value on a log scale, among 1, 2 and 5 times a power of ten."""
    exponent = math.floor(math.log10(value))
    steps = [float(f"{digit}e{exponent}") for digit in (1, 2, 5, 10)]
    return min(steps, key=lambda step: abs(math.log(step / value)))


def suggest(setting: Setting) -> Suggestion | None:
    """Return the distribution that a setting's name and default suggest, or None for a constant."""
    if setting.choices:
        return _among(setting)
    if isinstance(setting.default, (bool, str, list, dict)) or _is_no_number(setting):
        return None
    family = family_of(setting)
    if family is None:
        return _size(setting) if setting.is_integer and _WIDTHS.intersection(tokens(setting.name)) else None
    if family.name == "batch":
        return _batch(setting, family)
    return None if setting.is_integer else _rate(setting, family)


def is_switch(setting: Setting) -> bool:
    """Return whether an option that takes no value is a hyperparameter."""
    key = "_".join(tokens(setting.name))
    return bool(setting.switch) and any(
        key.removeprefix(word) in _SWITCHES for word in ("use_", "with_", "enable_", "no_")
    )


def _is_no_number(setting: Setting) -> bool:
    """Return whether a type takes other values than numbers. A function may: then the default has to be a number."""
    return setting.type not in {"", "int", "float"} and (setting.number is None or "bool" in setting.type.lower())


def _rate(setting: Setting, family: Family) -> Suggestion | None:
    default = setting.number
    if family.name == "lr":
        return _log_range(setting, 30, (1e-5, 1e-1), family)
    if family.name == "weight_decay":
        return _log_range(setting, 10, (1e-6, 1e-2), family)
    if default is not None and not 0 <= default <= 1:
        return None
    if family.name == "momentum":
        return _uniform(default, (0.8, 0.99, 0.999), family)
    return _uniform(default, (0.0, 0.2, 0.5) if family.name == "smoothing" else (0.0, 0.5, 0.9), family)


def _uniform(default: float | None, bounds: tuple[float, float, float], family: Family) -> Suggestion:
    """Return a range between the first two bounds. A larger default extends it to the third, a smaller one to 0."""
    low, high, higher = bounds
    top = high if default is None or default <= high else higher
    if default is not None and default < low:
        note = f"CHECK: the default is {default:g}"
        return Suggestion(kind="uniform", arguments=(0.0, top), note=note, family=family)
    return Suggestion(kind="uniform", arguments=(low, top), family=family)


def _log_range(setting: Setting, factor: float, standard: tuple[float, float], family: Family) -> Suggestion | None:
    default = setting.number
    if default is None or default == 0:
        said = "no default that can be read" if default is None else "the default is 0"
        return Suggestion(kind="loguniform", arguments=standard, note=f"CHECK: {said}", family=family)
    if not _SMALLEST <= default <= _LARGEST:
        return None
    bounds = (nice(default / factor), nice(default * factor))
    if "eta" in tokens(setting.name) and default <= 1 < bounds[1]:
        bounds = (bounds[0], 1.0)  # of boosted trees, whose rate is at most 1
    return Suggestion(kind="loguniform", arguments=bounds, family=family)


def _batch(setting: Setting, family: Family) -> Suggestion | None:
    default = setting.number
    if default is None:
        note = "CHECK: no default that can be read"
        return Suggestion(kind="choice", arguments=(16, 32, 64, 128), note=note, family=family)
    if not 1 <= default <= _LARGEST_BATCH or default != int(default):
        return None
    return Suggestion(kind="choice", arguments=_around(int(default)), family=family)


def _size(setting: Setting) -> Suggestion | None:
    default = setting.number
    if default is None or not 1 <= default <= _LARGEST_BATCH:
        return None
    if default <= _MOST_LAYERS:
        return Suggestion(kind="randint", arguments=(max(1, int(default) - 1), int(default) + 2), sure=False)
    return Suggestion(kind="choice", arguments=_around(int(default)), sure=False)


def _around(default: int) -> tuple[int, ...]:
    return tuple(sorted({max(1, default // 2), default, 2 * default, 4 * default}))


def _among(setting: Setting) -> Suggestion | None:
    """Return the choices of a hyperparameter. Those of data sets, devices and models are no suggestion."""
    words = set(tokens(setting.name))
    values = [value for value in setting.choices if value is not None]
    named = _CHOSEN & words and not _NOT_CHOSEN & words
    number = family_of(setting) if all(type(value) in (int, float) for value in values) else None
    is_size = bool(_WIDTHS & words) and all(type(value) in (int, float) for value in values)
    if not (named or number or is_size) or not 1 < len(values) <= _MOST_CHOICES:
        return None
    return Suggestion(kind="choice", arguments=tuple(values), sure=not is_size, family=number)
