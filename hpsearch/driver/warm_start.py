"""Earlier trials to start from: an earlier study's, or those of a CSV file (`search.warm_start`)."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.config.config import StudyConfig, WarmStart
from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.space_files import parse_config
from hpsearch.samplers import Past, best_of_past
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.given import params_of
from hpsearch.space.space import Space
from hpsearch.store.folders import find_folder
from hpsearch.store.reader import StoreReader
from hpsearch.text import counted
from hpsearch.trial.trial import Params, Stage

_FIELD = "search.warm_start"


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierTrials:
    """Earlier trials to start from.

    Attributes:
        first: Params of the configs to train first.
        known: Trials for adaptive samplers; they are not trained again.
        notice: A message to the user, or empty.
    """

    first: tuple[Params, ...] = ()
    known: tuple[Past, ...] = ()
    notice: str = ""

    def attributes(self) -> dict[str, Any]:
        """Return the store's attributes, as JSON types."""
        known = [{"params": dict(one.params), "value": one.value} for one in self.known]
        return {"first": [dict(one) for one in self.first], "warm_start": known}


def earlier_trials(config: StudyConfig, studies: Path, storage: str | None) -> EarlierTrials:
    """Return the first configs of a study, and the trials that it knows already.

    Args:
        studies: The directory where an earlier study is looked up.
        storage: The URL of its store, if that is not in its folder.

    Raises:
        InputError: There is no such study or file, or none of its trials fits.
    """
    first = [params_of(config.space, one, ("search", "first", at)) for at, one in enumerate(config.search.first)]
    source = config.search.warm_start
    if source is None:
        return EarlierTrials(first=tuple(first))
    pairs = _of_csv(source, config) if source.csv is not None else _of_study(source, config, studies, storage)
    known, left_out = [], []
    for values, value in pairs:
        try:
            known.append(Past(params=params_of(config.space, _own(config.space, values)), value=value))
        except FieldError as error:
            left_out.append(str(error))
    name = source.study or source.csv
    if not known:
        reason = f", the first: {left_out[0]}" if left_out else ""
        raise InputError(
            f"{_FIELD}: {name} has no trial that fits the space{reason}; allowed: one with trials in its bounds"
        )
    keys = [config.space.key(params) for params in first]
    # A file may have a config several times, with other seeds.
    best = best_of_past(_once(known, config), config.direction, source.best)
    first += [one.params for one in best if config.space.key(one.params) not in keys]
    first = first[: config.search.total]
    notice = f"warm start: {counted(len(known), 'trial')} of {name}"
    if left_out:
        notice += f"; {len(left_out)} left out, the first for {left_out[0]}"
    return EarlierTrials(first=tuple(first), known=tuple(known), notice=notice)


def _once(known: Sequence[Past], config: StudyConfig) -> list[Past]:
    """Return each config once, with its best value."""
    ordered = best_of_past(known, config.direction, len(known))
    return list({config.space.key(one.params): one for one in reversed(ordered)}.values())[::-1]


def _own(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in space.names}


def _of_study(
    source: WarmStart, config: StudyConfig, studies: Path, storage: str | None
) -> Iterator[tuple[Mapping[str, Any], float]]:
    """Yield the configs and values of trials that can win."""
    store = StoreReader.open(find_folder(studies, source.study or ""), storage)
    try:
        earlier = parse_config(store.get("space"))
        if (earlier.metric, earlier.direction) != (config.metric, config.direction):
            raise InputError(
                f"{_FIELD}: study {store.name} has {earlier.metric}, {earlier.direction}; "
                f"allowed: a study with {config.metric}, {config.direction}"
            )
        for record in store.records(Stage.SEARCH):
            if record.eligible and record.value is not None:
                yield earlier.space.config_of(record.params), record.value
    finally:
        store.close()


def _of_csv(source: WarmStart, config: StudyConfig) -> Iterator[tuple[Mapping[str, Any], float]]:
    """Yield the configs and values of rows with a value."""
    path = Path(source.csv or "")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{_FIELD}.csv: {path}: can't be read: {getattr(error, 'strerror', None) or error}") from None
    columns = list(rows[0]) if rows else []
    column = next((name for name in (config.metric, "value") if name in columns), None)
    if column is None:
        allowed = f"a column {config.metric} or value, and one for each parameter"
        raise InputError(f"{_FIELD}.csv: {path}: has no values; allowed: {allowed}")
    for row in rows:
        with suppress(ValueError, TypeError):
            value = float(row[column])
            if math.isfinite(value) and row.get("state", "COMPLETE") == "COMPLETE":
                yield _cells(row, config.space), value


def _cells(row: Mapping[str, str], space: Space) -> dict[str, Any]:
    """Return a row's config; an empty cell is a missing parameter, or null."""
    found = {}
    for name in space.names:
        # `show --csv` writes params.seed, for it has columns of its own, such as seed and value.
        text = row.get(f"params.{name}", row.get(name)) or ""
        if text:
            found[name] = _cell(text, space, name)
        elif _is_null(space, name):
            found[name] = None
    return found


def _is_null(space: Space, name: str) -> bool:
    """Return whether an empty cell is a choice's null, for the parameter is always active."""
    axis = space.parameters.get(name)
    return isinstance(axis, Choice) and name not in space.conditions and None in axis.values


def _cell(text: str, space: Space, name: str) -> Any:
    axis = space.parameters.get(name)
    if isinstance(axis, Range):
        try:
            number = float(text)
        except ValueError:
            return text
        return int(number) if axis.integer and number.is_integer() else number
    known = (space.constants[name],) if axis is None else (*axis.names, *axis.values)
    for value in known:
        # As `show --csv` writes it, or as YAML does.
        if text in (str(value), json.dumps(value)) or _same_number(text, value):
            return value
    return text


def _same_number(text: str, value: Any) -> bool:
    """Return whether text is a number in any notation: in columns with gaps, pandas writes 32.0 for 32."""
    with suppress(ValueError):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and float(text) == value
    return False
