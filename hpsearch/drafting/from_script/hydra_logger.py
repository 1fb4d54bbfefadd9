"""Lightning's CSV logger in a Hydra config: the option `csv` of the group `logger`, as Lightning templates have it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hpsearch.drafting.from_script.logs import best_name
from hpsearch.drafting.from_script.measurements import Measurements
from hpsearch.drafting.space_file import DEFAULT_METRIC
from hpsearch.errors import InputError
from hpsearch.system.documents.reading import YAML_ERRORS, load_text
from hpsearch.system.files import read_text

_MONITOR = re.compile(r"^\s*(?:monitor|optimized_metric):\s*['\"]?([\w/.-]+)", re.MULTILINE)
_FOLDERS = ("callbacks", "hparams_search", "experiment", "trainer", "model")
_MOST_FILES = 50


def csv_logger(config: Path, defaults: Iterable[Any]) -> tuple[Measurements, str] | None:
    """Return where Lightning's CSV logger writes, and the override that chooses it; None if the config has none.

    Args:
        config: The primary config.
        defaults: Its list of defaults.
    """
    file = config.parent / "logger" / "csv.yaml"
    logger = _logger(_read(file)) if file.is_file() else None
    if logger is None:
        return None
    name = str(logger.get("name", "lightning_logs") or "").strip("/")
    version = logger.get("version")
    version = "version_0" if version is None else f"version_{version}" if isinstance(version, int) else str(version)
    folder = "/".join(part for part in ("{trial_dir}", name, version) if part)
    metric = best_name(_monitored(config))
    doubts = [f"the metric: {metric or 'its name was not found'}, as a config monitors it"]
    if "output_dir" not in str(logger.get("save_dir", "")):
        doubts.append(f"metrics.csv: logger/csv.yaml has save_dir {logger.get('save_dir')}, not Hydra's output folder")
    measured = Measurements(
        metric=metric or DEFAULT_METRIC,
        known=bool(metric),
        way="csv",
        place=f"{folder}/metrics.csv",
        first_epoch=0,
        unsure=tuple(doubts),
    )
    is_default = any(isinstance(entry, Mapping) and "logger" in entry for entry in defaults)
    return measured, "logger" if is_default else "+logger"


def _read(file: Path) -> Any:
    try:
        return load_text(read_text(file), "yaml")
    except (InputError, *YAML_ERRORS):
        return None


def _logger(raw: object) -> Mapping[str, Any] | None:
    """Return the mapping that makes a CSV logger, at the top or one level below."""
    if not isinstance(raw, Mapping):
        return None
    for one in (raw, *raw.values()):
        if isinstance(one, Mapping) and str(one.get("_target_", "")).endswith("CSVLogger"):
            return one
    return None


def _monitored(config: Path) -> list[str]:
    """Return the metrics that the configs watch."""
    files = [config, *(file for folder in _FOLDERS for file in sorted((config.parent / folder).glob("*.yaml")))]
    found: list[str] = []
    for file in files[:_MOST_FILES]:
        try:
            found += _MONITOR.findall(read_text(file))
        except InputError:
            continue
    return [name for name in found if name != "null"]
