"""From the `objective` section of a space file to an objective, and the checks before anything runs."""

from __future__ import annotations

import sys
from pathlib import Path

from hpsearch.config import StudyConfig
from hpsearch.config_objectives import Command, ImageClassifier, Objective, Optuna, Python, Tune
from hpsearch.objectives import base
from hpsearch.objectives.command import CommandObjective, check_command
from hpsearch.objectives.command_metrics import check_metrics
from hpsearch.objectives.python import PythonObjective


def load_objective(settings: Objective, extra_path: str | None = None) -> base.Objective:
    """Return the objective that a worker trains.

    Args:
        settings: The `objective` section.
        extra_path: A folder to import the user's Python from, after the working directory: the space file's.

    Raises:
        FieldError: The user's Python is not there, or is nothing that can train.
    """
    match settings:
        case ImageClassifier():
            from hpsearch.vision import ImageClassifierObjective

            return ImageClassifierObjective(settings)
        case Python():
            return PythonObjective(settings, extra_path)
        case Optuna():
            from hpsearch.objectives.optuna_style import OptunaObjective

            return OptunaObjective(settings, extra_path)
        case Tune():
            from hpsearch.objectives.tune import TuneObjective

            return TuneObjective(settings, extra_path)
        case Command():
            return CommandObjective(settings)


def code_folder(settings: Objective, folder: str, module_folder: str | None) -> Path:
    """Return where the code of an objective lies: its module's folder once that is imported, or a command's.

    Args:
        settings: The `objective` section.
        folder: The working directory.
        module_folder: The space file's folder.
    """
    match settings:
        case Command():
            return Path(folder, settings.cwd or ".")
        case Python(python=text) | Optuna(optuna=text) | Tune(tune=text):
            file = getattr(sys.modules.get(text.partition(":")[0]), "__file__", None)
            return Path(file).resolve().parent if file else Path(module_folder or folder)
        case ImageClassifier():
            return Path(module_folder or folder)


def check_objective(config: StudyConfig, extra_path: str | None = None) -> None:
    """Refuse, before anything runs, an objective that can't train the configs of its space.

    Args:
        config: The study.
        extra_path: As in `load_objective`.

    Raises:
        FieldError: It says what is wrong, and what is allowed.
        InputError: The data set is not there.
    """
    match config.objective:
        case ImageClassifier() as settings:
            from hpsearch.vision import check_data, check_parameters

            check_parameters(config.space, settings)
            check_data(settings)
        case Python() | Optuna() | Tune() as settings:
            load_objective(settings, extra_path)
        case Command() as settings:
            check_command(settings, config.space)
            check_metrics(settings.metrics, config.metric)
