"""What a setting's name and default suggest: a range to search, or a constant.

| name | suggestion |
| --- | --- |
| `lr`, `learning_rate`, `lr_head`, `encoder_lr`, `eta` | `loguniform` from default/30 to default*30 |
| `weight_decay`, `wd`, `l2` | `loguniform`, two decades around the default |
| `dropout`, `drop_rate` | `uniform` from 0 to 0.5 |
| `label_smoothing` | `uniform` from 0 to 0.2 |
| `momentum`, `beta1` | `uniform` from 0.8 to 0.99 |
| `batch_size` | `choice` of half, once, twice and four times the default |
| widths, depths, sizes of hidden layers | a constant, with a `choice` in a comment |
| everything else | a constant |

Bounds are rounded to 1, 2 or 5 times a power of ten. A standard range is used if there is no usable default, or if the
default is 0.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from hpsearch.drafting.from_script.setting import Setting
from hpsearch.drafting.roles import tokens

_NOT_TRAINING = {"eval", "test", "val", "valid", "validation", "inference", "predict", "sampling"}
_NOT_A_RATE = frozenset(
    [
        "min",
        "max",
        "final",
        "end",
        "init",
        "start",
        "decay",
        "gamma",
        "step",
        "steps",
        "warmup",
        "scheduler",
        "schedule",
        "policy",
        "milestones",
        "factor",
        "patience",
        "epochs",
        "ratio",
        "mult",
        "scale",
        "type",
        "mode",
        "ema",
    ]
)
_WIDTHS = frozenset(
    [
        "hidden",
        "width",
        "depth",
        "layers",
        "channels",
        "filters",
        "units",
        "heads",
        "dim",
        "dims",
        "embed",
        "embedding",
        "blocks",
    ]
)
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
    """

    kind: str
    arguments: tuple[Any, ...]
    sure: bool = True
    note: str = ""


def nice(value: float) -> float:
    """Return the number nearest to a positive value on a log scale, among 1, 2 and 5 times a power of ten."""
    exponent = math.floor(math.log10(value))
    steps = [float(f"{digit}e{exponent}") for digit in (1, 2, 5, 10)]
    return min(steps, key=lambda step: abs(math.log(step / value)))


def suggest(setting: Setting) -> Suggestion | None:
    """Return the distribution that a setting's name and default suggest, or None for a constant."""
    words = tokens(setting.name)
    if setting.choices:
        return _among(setting)
    if setting.type not in {"", "int", "float"} or isinstance(setting.default, (bool, str, list, dict)):
        return None
    if _is_batch(words):
        return _batch(setting)
    if setting.is_integer:
        return _size(setting) if _WIDTHS.intersection(words) else None
    return _rate(setting, "_".join(words), words)


def _rate(setting: Setting, key: str, words: tuple[str, ...]) -> Suggestion | None:
    if re.search(r"weight_?decay|(^|_)(wd|l2)($|_)", key) and not _NOT_A_RATE.intersection(set(words) - {"decay"}):
        return _log_range(setting, 10, (1e-6, 1e-2))
    if re.search(r"learning_?rate|(^|_)(lr|eta)($|_)", key) and not _NOT_A_RATE.intersection(words):
        return _log_range(setting, 30, (1e-5, 1e-1))
    default = setting.number
    return _share(default, key, words) if default is None or 0 <= default <= 1 else None


def _share(default: float | None, key: str, words: tuple[str, ...]) -> Suggestion | None:
    if re.search(r"(^|_)drop_?(out|path)?(_?(rate|prob|p))?($|_)|(^|_)dropout", key) and "last" not in words:
        return _uniform(default, 0.0, 0.5, 0.9)
    if "smoothing" in words:
        return _uniform(default, 0.0, 0.2, 0.5)
    if re.search(r"(^|_)(momentum|beta_?1)$", key) and not {"bn", "batchnorm", "norm", "ema"}.intersection(words):
        return _uniform(default, 0.8, 0.99, 0.999)
    return None


def _uniform(default: float | None, low: float, high: float, higher: float) -> Suggestion:
    """Return a range from `low` to `high`. A larger default extends it to `higher`, a smaller one to 0."""
    top = high if default is None or default <= high else higher
    if default is not None and default < low:
        return Suggestion(kind="uniform", arguments=(0.0, top), note=f"CHECK: the default is {default:g}")
    return Suggestion(kind="uniform", arguments=(low, top))


def _log_range(setting: Setting, factor: float, standard: tuple[float, float]) -> Suggestion | None:
    default = setting.number
    if default is None or default == 0:
        said = "no default that can be read" if default is None else "the default is 0"
        return Suggestion(kind="loguniform", arguments=standard, note=f"CHECK: {said}")
    if not _SMALLEST <= default <= _LARGEST:
        return None
    return Suggestion(kind="loguniform", arguments=(nice(default / factor), nice(default * factor)))


def _is_batch(words: tuple[str, ...]) -> bool:
    key = "_".join(words)
    named = re.search(r"(^|_)batch_?size($|_)|^(bs|batch|train_batch|per_device_train_batch)$", key)
    return named is not None and not _NOT_TRAINING.intersection(words)


def _batch(setting: Setting) -> Suggestion | None:
    default = setting.number
    if default is None:
        note = "CHECK: no default that can be read"
        return Suggestion(kind="choice", arguments=(16, 32, 64, 128), note=note)
    if not 1 <= default <= _LARGEST_BATCH or default != int(default):
        return None
    return Suggestion(kind="choice", arguments=_around(int(default)))


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
    return Suggestion(kind="choice", arguments=setting.choices, sure=False) if len(setting.choices) > 1 else None
