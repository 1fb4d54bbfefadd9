"""The best config as a new file, in the formats of training repos."""

from __future__ import annotations

import json
import keyword
import math
import shlex
from collections.abc import Callable, Mapping
from typing import Any, get_args

from hpsearch.config.config import ExportFormat
from hpsearch.errors import InputError
from hpsearch.objectives.command.line import as_option, as_text
from hpsearch.system import documents
from hpsearch.system.documents.places import bare_name
from hpsearch.system.documents.python_text import is_name, python_text
from hpsearch.system.documents.scalars import plain, toml_text, toml_text_of_key, yaml_text

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
SUFFIXES: dict[str, ExportFormat] = {**documents.SUFFIXES, ".py": "python", ".env": "env"}
PROVENANCE_KEY = "_hpsearch"
_TITLE = "The best config of a study of hpsearch"
Values = Mapping[str, Any]


def new_file(kind: ExportFormat, values: Values, target: str, provenance: Values) -> str:
    """Return the text of a new file.

    Args:
        kind: The format; `optuna` has its own function, `frozen_trial`.
        values: Plain values by name. A value may be a mapping.
        target: The file, for messages.
        provenance: Where the config comes from, by name.

    Raises:
        InputError: The format can't express a value or a name.
    """
    return _WRITERS[kind](values, target, provenance)


def nested(values: Values, target: str) -> dict[str, Any]:
    """Return values with dotted names as mappings: `{"optim.lr": 1}` becomes `{"optim": {"lr": 1}}`.

    Raises:
        InputError: One name would be both a value and a mapping.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        *parents, last = name.split(".")
        place: Any = found
        for parent in parents:
            place = place.setdefault(parent, {}) if isinstance(place, dict) else place
        if not isinstance(place, dict) or last in place:
            raise InputError(f"{target}: {name} would be a value and a mapping; allowed: another --map")
        place[last] = value
    return found


def argument_line(values: Values) -> str:
    """Return values as options of a command line, quoted for a shell."""
    return shlex.join(word for name, value in values.items() for word in as_option(name, as_text(value)))


def override_line(values: Values) -> str:
    """Return values as Hydra's overrides on a command line, quoted for a shell."""
    return shlex.join(f"{name}={as_text(value)}" for name, value in values.items())


def _yaml(values: Values, _: str, provenance: Values) -> str:
    return _commented(
        [f"{yaml_text(name)}: {yaml_text(value)}" for name, value in values.items()] or ["{}"], provenance
    )


def _lightning(values: Values, target: str, provenance: Values) -> str:
    return _commented(_yaml_lines(nested(values, target)) or ["{}"], provenance)


def _hydra(values: Values, target: str, provenance: Values) -> str:
    overrides = override_line(values)
    usage = [f"# As overrides: {overrides}"] if overrides.isprintable() else []  # other values could end the comment
    bare = {bare_name(name): value for name, value in values.items()}  # `+` is for the command line only
    return "# @package _global_\n" + _commented([*usage, *_yaml_lines(nested(bare, target))], provenance)


def _yaml_lines(values: Values, indent: str = "") -> list[str]:
    lines = []
    for name, value in values.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{yaml_text(name)}:", *_yaml_lines(value, f"{indent}  ")]
        else:
            lines.append(f"{indent}{yaml_text(name)}: {yaml_text(value)}")
    return lines


def _json(values: Values, target: str, provenance: Values) -> str:
    if PROVENANCE_KEY in values:
        raise InputError(
            f"{target}: {PROVENANCE_KEY} is a parameter, and where the provenance goes; allowed: a YAML file"
        )
    return _json_text({**values, PROVENANCE_KEY: dict(provenance)}, target)


def _json_text(content: Values, target: str) -> str:
    try:
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    except ValueError:
        raise InputError(f"{target}: the provenance has a number that is not finite; allowed in JSON: finite") from None


def _toml(values: Values, target: str, provenance: Values) -> str:
    lines = [f"{toml_text_of_key(name)} = {toml_text(value, f'{target}: {name}')}" for name, value in values.items()]
    return _commented(lines, provenance)


def _args(values: Values, _: str, provenance: Values) -> str:
    return _commented([argument_line(values)], provenance)


def _env(values: Values, target: str, provenance: Values) -> str:
    lines: dict[str, str] = {}
    for name, value in values.items():
        variable = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).upper()
        variable = f"_{variable}" if variable[:1].isdigit() else variable
        if variable in lines:
            raise InputError(f"{target}: two values would be {variable}; allowed: --map with another name for {name}")
        lines[variable] = f"{variable}={shlex.quote(as_text(value))}"
    return _commented(list(lines.values()), provenance)


def _python(values: Values, _: str, provenance: Values) -> str:
    if not all(name.isidentifier() and not keyword.iskeyword(name) for name in values):
        items = [f"    {name!r}: {_python_text(value)}," for name, value in values.items()]
        return _commented(["CONFIG = {", *items, "}"], provenance)
    fields = [f"    {name}: {_python_type(value)} = {_python_default(value)}" for name, value in values.items()]
    head = [
        "from dataclasses import dataclass, field"
        if "field(" in "".join(fields)
        else "from dataclasses import dataclass"
    ]
    body = ['    """What a training is configured with."""', "", *fields]
    return _commented([*head, "", "", "@dataclass(frozen=True)", "class Config:", *body], provenance)


def _assignments(values: Values, target: str, provenance: Values) -> str:
    wrong = next((name for name in values if not is_name(name)), None)
    if wrong is not None:
        raise InputError(f"{target}: {wrong!r} is no name that Python can assign; allowed: --map {wrong}=NAME")
    return _commented([f"{name} = {python_text(value)}" for name, value in values.items()], provenance)


def _python_type(value: Any) -> str:
    return "object" if value is None else type(value).__name__


def _python_default(value: Any) -> str:
    text = _python_text(value)
    return f"field(default_factory=lambda: {text})" if isinstance(value, (list, dict)) else text


def _python_text(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def frozen_trial(trial: Mapping[str, Any], target: str, provenance: Values) -> str:
    """Return a trial as JSON, from which `load_frozen_trial` makes an `optuna.trial.FrozenTrial`.

    Args:
        trial: `params`, `distributions` (each as Optuna's JSON), `value` and `intermediate_values`.
        target: The file, for messages.
        provenance: Where the config comes from, by name.
    """
    return _json_text({**trial, "user_attrs": {"hpsearch": dict(provenance)}}, target)


def _commented(lines: list[str], provenance: Values) -> str:
    comments = [f"# {name}: {_comment(value)}" for name, value in provenance.items()]
    return "\n".join([f"# {_TITLE}", *comments, "", *lines, ""])


def _comment(value: Any) -> str:
    """Return a value on one line, so that it can't end the comment."""
    if isinstance(value, str):
        return value if value.isprintable() else yaml_text(value)
    try:
        return yaml_text(plain(value, "", finite=False))
    except InputError:
        return _comment(str(value))


_WRITERS: dict[str, Callable[[Values, str, Values], str]] = {
    "yaml": _yaml,
    "json": _json,
    "toml": _toml,
    "hydra": _hydra,
    "args": _args,
    "env": _env,
    "python": _python,
    "python-assign": _assignments,
    "lightning": _lightning,
}
