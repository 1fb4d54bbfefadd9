"""From the `objective` section of a space file to an objective, and the checks before anything runs."""

from __future__ import annotations

import sys
from pathlib import Path

from hpsearch.config.config import StudyConfig
from hpsearch.config.objectives import Command, ImageClassifier, Lightning, Objective, Optuna, Python, Tune
from hpsearch.objectives import base
from hpsearch.objectives.command.metrics import check_metrics
from hpsearch.objectives.command.objective import CommandObjective, check_command
from hpsearch.objectives.python import PythonObjective
from hpsearch.space.space import Space


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
            from hpsearch.objectives.frameworks.optuna_style import OptunaObjective

            return OptunaObjective(settings, extra_path)
        case Tune():
            from hpsearch.objectives.frameworks.tune import TuneObjective

            return TuneObjective(settings, extra_path)
        case Lightning():
            from hpsearch.objectives.frameworks.lightning_objective import LightningObjective

            return LightningObjective(settings, extra_path)
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
        case Python(python=text) | Optuna(optuna=text) | Tune(tune=text) | Lightning(lightning=text):
            module = text.partition(":")[0]
            file = getattr(sys.modules.get(module), "__file__", None)
            if file is not None:
                return Path(file).resolve().parent
            first = Path(folder, module.split(".")[0])
            found = first.is_dir() or first.with_suffix(".py").is_file()
            return Path(folder if found or module_folder is None else module_folder)
        case ImageClassifier():
            return Path(module_folder or folder)


def check_bounds(settings: Objective, space: Space, name: str) -> None:
    """Refuse bounds of a parameter that the objective is known not to take; imports neither torch nor the user's code.

    Raises:
        FieldError: It says what is allowed.
    """
    if isinstance(settings, ImageClassifier):
        from hpsearch.vision.parameters import check_values

        check_values(space, name)


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
        case Python() | Optuna() | Tune() | Lightning() as settings:
            load_objective(settings, extra_path)
        case Command() as settings:
            check_command(settings, config.space)
            check_metrics(settings.metrics, config.metric)
