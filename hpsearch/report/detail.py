"""One trial in full: its config, its curve, why it ended, its log, and how to train it again."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from hpsearch.config.config import StudyConfig
from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.own_values import OwnValues
from hpsearch.objectives.registry import way_of
from hpsearch.report.curve import curve
from hpsearch.report.layout import cell, facts, heading, whole
from hpsearch.report.paths import shown_path
from hpsearch.study.document import epochs_of, json_value, last_folder, shown_config
from hpsearch.study.study import Study
from hpsearch.system.git import CodeState
from hpsearch.text import clean, counted, format_duration, format_value, mean_and_std, value_format
from hpsearch.trial.folder import LOG, attempt_folders, newest_manifest
from hpsearch.trial.manifest import Manifest
from hpsearch.trial.trial import Measurement, Stage, State, TrialRecord

_LOG_LINES = 20
_LOG_BYTES = 1 << 16  # are read of a log, which may be huge
_SHELL_CHARACTERS = 76


def trial_detail(study: Study, number: int) -> RenderableType:
    """Return all that is known of a search trial.

    Raises:
        InputError: There is no trial of that number.
    """
    record = _find(study, number)
    manifest, damage = _newest_manifest(record, study.folder)
    history = manifest.measurements if manifest else _from_store(record, study.config.metric)
    parts: list[RenderableType] = [heading(f"Trial {number} of study {study.name}"), _facts(study, record)]
    parts += [Text(""), heading("Config"), _config(record, study.config)]
    if history:
        parts += [Text(""), heading("Curve"), curve(history, study.config)]
    if damage:
        parts += [Text(""), cell(damage, "yellow")]
    error = (manifest.traceback or manifest.error if manifest else None) or record.error
    if error:
        parts += [Text(""), heading("Error"), cell(error.rstrip(), "red")]
    parts += _log(record, study.folder)
    parts += [
        Text(""),
        heading("To train it again"),
        *_again(study.config, record, study.folder, study.full_epochs(record.stage, record.number)),
    ]
    return Group(*parts)


def _find(study: Study, number: int) -> TrialRecord:
    try:
        return study.store.record(Stage.SEARCH, number)
    except KeyError:
        count = len(study.store.records(Stage.SEARCH))
        allowed = f"0 to {count - 1}" if count else "none: no trial has started"
        raise InputError(f"study {study.name}: has no trial {number}; allowed: {allowed}") from None


def _newest_manifest(record: TrialRecord, folder: Path) -> tuple[Manifest | None, str]:
    """Return the newest manifest that can be read, and what is wrong with newer ones."""
    damage: list[str] = []
    manifest = newest_manifest(attempt_folders(folder, record), damage.append)
    return manifest, damage[0] if damage else ""


def _from_store(record: TrialRecord, metric: str) -> tuple[Measurement, ...]:
    return tuple(Measurement(epoch=epoch, metrics={metric: value}) for epoch, value in sorted(record.values.items()))


def _facts(study: Study, record: TrialRecord) -> RenderableType:
    at = "" if record.best_epoch is None else f" at epoch {record.best_epoch}"
    rows = [
        (study.config.metric, f"{format_value(record.value)}{at}"),
        ("state", _state(record)),
        *([("why", clean(record.why))] if record.why else []),
        *([("audit", f"a rule would have ended it after epoch {record.audited_at}")] if record.audited_at else []),
        ("epochs", f"{epochs_of(record)} of {study.full_epochs(record.stage, record.number)}"),
        ("time", "-" if record.state is State.RUNNING else format_duration(record.seconds)),
        ("attempts", str(record.attempt)),
        ("worker", record.worker or "-"),
        ("seed", str(record.seed)),
    ]
    code = CodeState.from_dict(record.code)
    if code is not None:
        rows.append(("code", str(code)))
    retrained = next((one for one in study.ranked_finalists if one.source == record.number), None)
    if retrained is not None:
        stats = retrained.statistics
        written = value_format([stats.mean, retrained.search_value])
        failed = f", {stats.n_failed} failed" if stats.n_failed else ""
        rows.append(
            ("retrained", f"{mean_and_std(stats.mean, stats.std, written)}, {counted(stats.n, 'seed')}{failed}")
        )
    return facts(rows)


def _state(record: TrialRecord) -> str:
    if record.paused_at is not None:
        return f"{record.state}, paused after epoch {record.paused_at}"
    return f"{record.state}{f', {record.stop_reason}' if record.stop_reason else ''}"


def _json(value: Any) -> str:
    return json.dumps(json_value(value), ensure_ascii=False)


def _config(record: TrialRecord, config: StudyConfig) -> RenderableType:
    return facts([(name, _json(value)) for name, value in shown_config(record, config).items()])


def _log(record: TrialRecord, folder: Path) -> list[RenderableType]:
    attempt = last_folder(record, folder)
    if attempt is None:
        return []
    path = attempt / LOG
    parts: list[RenderableType] = [Text(""), heading("Log"), whole(shown_path(path))]
    try:
        lines = _tail(path)
    except OSError as error:
        return [*parts, cell(f"can't be read: {error.strerror}", "dim")]
    return [*parts, *(cell(line, "dim") for line in lines)]


def _tail(path: Path) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LOG_BYTES))
        return file.read().decode(errors="replace").splitlines()[-_LOG_LINES:]


def _again(config: StudyConfig, record: TrialRecord, folder: Path, epochs: int) -> list[RenderableType]:
    resolved, line = shown_config(record, config), way_of(config.objective).by_hand
    by_hand: list[RenderableType] = [facts([("config", _json(resolved)), ("seed", str(record.seed))])]
    if line is None or not resolved:
        return by_hand
    again = f"trial-{record.number:05d}-again"
    own = OwnValues(seed=record.seed, epochs=epochs, trial_dir=again, number=record.number, gpus=config.gpus_per_trial)
    try:
        cwd, arguments = line(config.objective, resolved, own, last_folder(record, folder))
    except FieldError as error:
        return [*by_hand, cell(error, "yellow")]
    return [*by_hand, *map(whole, _shell_lines(["cd", cwd, "&&"] if cwd else [], arguments))]


def _shell_lines(before: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Return a command for a shell, on several lines if it is long."""
    words = [word if word == "&&" else shlex.quote(clean(word)) for word in (*before, *arguments)]
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 3 > _SHELL_CHARACTERS:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}"
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]
