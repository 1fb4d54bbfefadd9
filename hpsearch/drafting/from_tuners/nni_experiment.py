"""The config file of an NNI experiment: its search space, and what it says of tuner and trials.

https://nni.readthedocs.io/en/stable/reference/experiment_config.html, and the form before version 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpsearch.drafting.flow import short
from hpsearch.drafting.from_tuners.fields import integer, mapping
from hpsearch.drafting.from_tuners.nni import read_search_space
from hpsearch.drafting.from_tuners.source import read_mapping
from hpsearch.drafting.from_tuners.translation import Field, Translation
from hpsearch.errors import FieldError, InputError
from hpsearch.text import shown

INLINE = "searchSpace"
FILES = ("searchSpaceFile", "searchSpacePath")
SAMPLERS = {"tpe": "tpe", "random": "random", "gridsearch": "jittered_grid", "gp": "gp", "gptuner": "gp"}
_MOST_TRIALS = ("maxTrialNumber", "maxTrialNum")
_READ = (INLINE, *FILES, *_MOST_TRIALS, "experimentName", "tuner")


def is_experiment(raw: Mapping[str, Any]) -> bool:
    """Return whether a file is the config of an experiment: it has a search space, or names the file of one."""
    return any(key in raw for key in (INLINE, *FILES))


def read_experiment(raw: Mapping[str, Any], path: Path) -> Translation:
    """Return the translation of an experiment's search space.

    Args:
        raw: The content of the file.
        path: The file. The search space may be in another one, which this names relative to its own folder.

    Raises:
        FieldError: It breaks NNI's rules.
        InputError: The file of the search space can't be read.
    """
    name = raw.get("experimentName")
    translation = read_search_space(_space(raw, path), path.name, name if isinstance(name, str) else path.stem)
    translation.origin = f"the NNI experiment {path.name}"
    _set_tuner(translation, raw.get("tuner"))
    most = next((key for key in _MOST_TRIALS if raw.get(key) is not None), None)
    if most is not None and (trials := integer(raw[most], (most,))) >= 1:
        translation.search["trials"] = Field(trials, comment=most)
    for key, value in raw.items():
        if key not in _READ:
            reason = ": its trials ask nni for their parameters" if key in ("trialCommand", "trial") else ""
            translation.notes.append(f"{key}: {short(value)}{reason}")
    return translation


def _space(raw: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    if raw.get(INLINE):
        return mapping(raw[INLINE], (INLINE,), "a mapping of names to {_type: NAME, _value: [...]}")
    key = next((key for key in FILES if raw.get(key)), FILES[0])
    file = raw.get(key)
    if not isinstance(file, str):
        raise FieldError((key,), f"found {shown(file)}", "the file of the search space")
    try:
        return read_mapping(path.parent / file)
    except InputError as error:
        raise InputError(f"{path}: {key}: {error}") from None


def _set_tuner(translation: Translation, tuner: Any) -> None:
    if not isinstance(tuner, Mapping):
        return
    name = str(tuner.get("name") or tuner.get("builtinTunerName") or "")
    if sampler := SAMPLERS.get(name.lower()):
        translation.search["sampler"] = Field(sampler, comment=f"tuner {name}")
    elif name:
        translation.notes.append(f"tuner {name}: the study gets the default sampler")
    given = tuner.get("classArgs")
    mode = given.get("optimize_mode") if isinstance(given, Mapping) else None
    if mode in ("minimize", "maximize"):
        translation.direction = Field(mode, comment="optimize_mode")
