"""A first space file for a script or a config: what is read, sorted, guessed, and written."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hpsearch.drafting.from_script.configs import hydra_config, read_config
from hpsearch.drafting.from_script.document import Draft, checks, document
from hpsearch.drafting.from_script.measurements import Measurements, guess_measurements
from hpsearch.drafting.from_script.parameters import sort_settings
from hpsearch.drafting.from_script.script import parse, read_script
from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.space_files import parse_config
from hpsearch.system.documents import SUFFIXES

_LARGEST = 4 << 20  # bytes of a script or a config


@dataclass(frozen=True, kw_only=True, slots=True)
class SpacePlan:
    """A space file that is not written yet.

    Attributes:
        searched: Names of the parameters.
        constants: Names of the constants.
        checks: What the user should look at before the first study.
    """

    text: str
    searched: tuple[str, ...]
    constants: tuple[str, ...]
    checks: tuple[str, ...]


def plan_space(source: Path, *, folder: Path, script: Path | None = None) -> SpacePlan:
    """Return a first space file for a training script or its config.

    Args:
        source: A `.py` file, or a YAML, JSON or TOML file. It is read, never run.
        folder: Where the space file will lie.
        script: The script that reads `source`, if that is a config; a neighbour is looked for if not given.

    Raises:
        InputError: It can't be read, or has nothing to search.
    """
    if source.suffix == ".py":
        if script is not None:
            raise InputError(f"--script {script}: {source} is a script itself; allowed: --script beside a config")
        draft = _of_script(source)
    elif source.suffix.lower() in SUFFIXES:
        _read(source)
        draft = _of_config(source, script)
    else:
        raise InputError(f"{source}: not read; allowed: a .py script, or a config that ends in {', '.join(SUFFIXES)}")
    draft = replace(draft, study=_study_name(source), folder=folder)
    text = document(draft)
    _check(text, source)
    return SpacePlan(
        text=text,
        searched=tuple(draft.sorted.searched),
        constants=tuple(draft.sorted.constants),
        checks=(*draft.sorted.checks, *checks(draft), *draft.notes),
    )


def _of_script(source: Path) -> Draft:
    script = read_script(_read(source), str(source))
    if script.hydra is not None:
        path, name = script.hydra
        return _of_config(hydra_config(source.parent / path, name), source)
    result = sort_settings(script.settings, str(source), keep_rest=False)
    measured = guess_measurements(script.tree)
    return Draft(source=source, script=source, way="args", sorted=result, measured=measured, notes=script.notes)


def _of_config(source: Path, script: Path | None) -> Draft:
    config = read_config(source)
    if script is None and config.kind == "hydra":
        script = _hydra_neighbour(source)
    result = sort_settings(config.settings, str(source), keep_rest=True)
    measured = Measurements() if script is None else guess_measurements(_tree(script))
    if config.kind == "lightning":
        metric = measured if measured.known else Measurements()
        measured = replace(metric, way="csv", place="{trial_dir}/lightning_logs/version_0/metrics.csv", first_epoch=0)
    return Draft(source=source, script=script, way=config.kind, sorted=result, measured=measured, notes=config.notes)


def _tree(script: Path) -> ast.Module:
    return parse(_read(script), str(script))


def _hydra_neighbour(config: Path) -> Path | None:
    """Return the one script beside a config or above its folder that names it in `@hydra.main`."""
    found = []
    for folder in (config.parent, config.parent.parent):
        for file in sorted(folder.glob("*.py")):
            try:
                hydra = read_script(_read(file), str(file)).hydra
                named = hydra is not None and hydra_config(folder / hydra[0], hydra[1]).samefile(config)
            except (InputError, OSError):
                continue
            if named:
                found.append(file)
    return found[0] if len(found) == 1 else None


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path}: has {path.stat().st_size} bytes; allowed: at most {_LARGEST}")
        return path.read_bytes().decode()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read: {getattr(error, 'strerror', None) or error}") from None


def _study_name(source: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", source.stem).strip("._-")[:80]
    return name or "study"


def _check(text: str, source: Path) -> None:
    """Refuse a text that `hpsearch run` would refuse.

    Raises:
        InputError: It would, for a reason in the source.
    """
    try:
        parse_config(YAML(typ="safe", pure=True).load(text))
    except (FieldError, YAMLError) as error:
        raise InputError(f"{source}: no space file can be made of it: {error}") from None
