"""`command:`, the user's own command, as an entry of the registry."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from hpsearch.config.config import StudyConfig
from hpsearch.objectives.arguments import Arguments, ShellCommand
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


def _by_hand(settings: Command, config: Config, own: OwnValues, attempt: Path | None, made_in: Path) -> ShellCommand:
    from hpsearch.objectives.command.config import config_file_path
    from hpsearch.objectives.command.line import command_line
    from hpsearch.objectives.command.program import program_start
    from hpsearch.objectives.command.workdir import environment_in_folder, in_folder

    base, inside = (made_in / (settings.cwd or "")).absolute(), settings.workdir is not None
    own = replace(own, trial_dir=str(base / own.trial_dir)) if inside else own
    made = settings.config_file
    kept = None if made is None or attempt is None else config_file_path(made, attempt)
    before: tuple[str, ...] = ()
    if made is not None and attempt is not None and kept is not None and "trial_dir" in made.map:
        # The attempt's own file names the attempt's folder, where the study's checkpoints are.
        copy, old, new = f"{own.trial_dir}/{kept.name}", _in_sed(str(attempt)), _in_sed(own.trial_dir)
        before, kept = ("sed", f"s|{old}|{new}|g", str(kept), ">", copy), Path(copy)
    line = command_line(settings, config, own, config_file=kept)
    arguments = list(in_folder(line, base) if inside else line)
    at = program_start(arguments)
    arguments[at] = _of_here(arguments[at])
    variables = {"HPSEARCH_SEED": str(own.seed), "HPSEARCH_TRIAL_DIR": own.trial_dir}
    if inside:
        moved = environment_in_folder(os.environ, line, base, Path(own.trial_dir))
        variables |= {name: value for name, value in moved.items() if name == "PYTHONPATH"}
    return ShellCommand(
        folder=str(base) if settings.cwd is not None or base != Path.cwd() else None,
        inside=inside,
        before=before,
        variables=variables,
        arguments=arguments,
    )


def _in_sed(text: str) -> str:
    """Return text as itself on either side of sed's `s` with bars."""
    return re.sub(r"[][\\.*^$&|]", r"\\\g<0>", text)


def _of_here(program: str) -> str:
    """Return the path of a program in this Python's own virtual environment, which another shell may not know."""
    found = shutil.which(program)
    in_own = found is not None and sys.prefix != sys.base_prefix and Path(found).parent == Path(sys.prefix, "bin")
    return str(found) if in_own else program


def _arguments(settings: Command) -> Arguments:
    from hpsearch.objectives.command.arguments import CommandArguments

    return CommandArguments(settings)


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
    arguments=_arguments,
    cautions=_cautions,
)
