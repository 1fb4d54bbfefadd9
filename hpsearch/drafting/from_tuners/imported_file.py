"""A space file for another tool's search space."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpsearch.drafting.drafted_file import DraftedFile, drafted
from hpsearch.drafting.flow import flow
from hpsearch.drafting.from_tuners.nni import read_search_space
from hpsearch.drafting.from_tuners.nni_experiment import is_experiment, read_experiment
from hpsearch.drafting.from_tuners.python_file import read_python
from hpsearch.drafting.from_tuners.ray_tune import param_space, read_param_space
from hpsearch.drafting.from_tuners.source import Kind, is_module, kind_of, read_mapping
from hpsearch.drafting.from_tuners.translation import SET, Field, Translation
from hpsearch.drafting.from_tuners.wandb import is_sweep, read_sweep
from hpsearch.drafting.space_file import CommandText, Comment, Entry, Line, SpaceFile, how_to_measure
from hpsearch.errors import FieldError, InputError
from hpsearch.system.names import study_name
from hpsearch.system.plain import plain


def plan_import(source: str, kind: Kind | None = None) -> DraftedFile:
    """Return a space file for the search space of another tool.

    Args:
        source: A file to read, or `module:name` to import.
        kind: Whose search space it is; None to find out.

    Raises:
        InputError: The source can't be read, breaks its tool's rules, or has nothing to search.
    """
    if is_module(source) and kind in (None, "ray", "wandb"):
        translation = _imported(source, kind)
    elif kind == "ray":
        raise InputError(f"{source}: not read; allowed: module:name of a Ray Tune param_space, such as search:space")
    else:
        raw = read_python(Path(source)) if source.endswith(".py") else read_mapping(Path(source))
        translation = _read(raw, source, kind or kind_of(raw, source))
    if not translation.searched:
        raise InputError(f"{source}: nothing in it can be searched; allowed: at least one parameter with two values")
    file = _space_file(translation, study_name(translation.study, Path(source).stem))
    lost = (f"{name}: {found.note}" for name, found in translation.found.items() if found.note)
    return drafted(file, source, notes=(*translation.notes, *lost), checks=_checks(translation))


def _read(raw: Mapping[str, Any], source: str, kind: Kind) -> Translation:
    path = Path(source)
    read = read_sweep if kind == "wandb" else read_search_space
    try:
        if kind == "nni" and is_experiment(raw):
            return read_experiment(raw, path)
        return read(raw, path.name, path.stem)
    except FieldError as error:
        raise InputError(f"{source}: {error}") from None


def _imported(source: str, kind: Kind | None) -> Translation:
    study = source.partition(":")[0].rpartition(".")[2]
    space = param_space(source)
    if kind == "wandb" or (kind is None and is_sweep(space)):
        return read_sweep(plain(dict(space)), source, study)
    return read_param_space(space, source, study)


def _checks(translation: Translation) -> tuple[str, ...]:
    """Return the guesses in the file, and what else the user has to check."""
    named = {
        "metric": translation.metric,
        "direction": translation.direction,
        "epochs": translation.epochs,
        **translation.search,
        **({} if translation.command else {"python": translation.python}),
    }
    guesses = [f"{name}, {field.value}: {field.note}" for name, field in named.items() if field.note]
    if translation.command:
        guesses.append("the command's output: each epoch needs a line of JSON with the metric")
    return (*guesses, *translation.checks)


def _space_file(translation: Translation, study: str) -> SpaceFile:
    return SpaceFile(
        head=(
            f"From {translation.origin}. Lines with `{SET}` are guesses; the others say what differs.",
            *(f"Not carried over as it was: {note}" for note in translation.notes),
        ),
        study=study,
        goal=(_entry("metric", translation.metric), _entry("direction", translation.direction)),
        objective=_objective(translation),
        space=_space(translation),
        search=tuple(_entry(name, field) for name, field in translation.search.items()),
        tail=tuple(f"{SET}: {check}" for check in translation.checks),
    )


def _objective(translation: Translation) -> tuple[Line, ...]:
    epochs = _entry("epochs", translation.epochs)
    if not translation.command:
        return epochs, _entry("python", translation.python)
    problem = f"{SET}: measurements are not read from W&B. Let the script print a line of JSON"
    return (
        epochs,
        Entry("command", CommandText(tuple(translation.command))),
        *([Entry("config_file", translation.config_file)] if translation.config_file else []),
        *how_to_measure(problem, str(translation.metric.value)),
    )


def _space(translation: Translation) -> tuple[Line, ...]:
    carried = translation.carried
    lines: list[Line] = []
    for name, found in translation.found.items():
        remark = "; ".join(text for text in (found.comment, found.note) if text)
        lines.append(Comment(f"{flow(name)}: {remark}") if found.is_lost else Entry(name, carried[name], remark))
    return tuple(lines)


def _entry(name: str, field: Field) -> Entry:
    remark = "; ".join(text for text in (field.comment, field.note and f"{SET}: {field.note}") if text)
    return Entry(name, field.value, remark)
