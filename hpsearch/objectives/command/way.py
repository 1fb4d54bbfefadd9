"""`command:`, the user's own command, as an entry of the registry."""

from __future__ import annotations

from pathlib import Path

from hpsearch.config.config import StudyConfig
from hpsearch.objectives.base import Objective
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.own_values import OwnValues
from hpsearch.objectives.way import Way
from hpsearch.trial.trial import Config


def _load(settings: Command, extra_path: str | None) -> Objective:
    from hpsearch.objectives.command.objective import CommandObjective

    del extra_path  # nothing is imported
    return CommandObjective(settings)


def _check(settings: Command, study: StudyConfig, extra_path: str | None) -> None:
    from hpsearch.objectives.command.checks import check_command
    from hpsearch.objectives.command.metrics import check_metrics

    del extra_path
    check_command(settings, study.space)
    check_metrics(settings.metrics, study.metric)


def _code_folder(settings: Command, folder: str, module_folder: str | None) -> Path:
    del module_folder
    return Path(folder, settings.cwd or ".")


def _by_hand(settings: Command, config: Config, own: OwnValues, attempt: Path | None) -> tuple[str | None, list[str]]:
    from hpsearch.objectives.command.config import config_file_path
    from hpsearch.objectives.command.line import command_line

    made = settings.config_file
    kept = None if made is None or attempt is None else config_file_path(made, attempt)
    return settings.cwd, command_line(settings, config, own, config_file=kept)


def _cautions(settings: Command, study: StudyConfig) -> list[str]:
    from hpsearch.objectives.command.told import cautions

    return cautions(settings, study)


COMMAND = Way(
    key="command",
    section=Command,
    load=_load,
    code_folder=_code_folder,
    check=_check,
    by_hand=_by_hand,
    cautions=_cautions,
)
