"""What an entry of the registry says: one way to describe an objective in a space file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from hpsearch.config.config import StudyConfig
from hpsearch.config.objectives import ObjectiveSection
from hpsearch.objectives.base import Objective
from hpsearch.objectives.own_values import OwnValues
from hpsearch.space.space import Space
from hpsearch.trial.trial import Config

SectionT = TypeVar("SectionT", bound=ObjectiveSection)


@dataclass(frozen=True, kw_only=True, slots=True)
class Way(Generic[SectionT]):
    """A way to describe an objective. Its section says whether a trial can resume, pause and predict.

    An entry is light: what it names imports torch, ray and frameworks only when it is called.

    Attributes:
        key: The key of the `objective` section that tells this way from the others.
        section: The model of that section.
        load: Returns the objective that a worker trains. It is given the section, and a folder to import the user's
            Python from after the working directory. It raises FieldError if there is nothing that can train.
        code_folder: Returns the folder of the code. It is given the section, the working directory and the space
            file's folder.
        check: Refuses, before anything runs, an objective that can't train the configs of a study. It is given the
            section, the study, and the folder that `load` gets. It raises InputError. None: `load` is the check.
        check_bounds: Refuses bounds of a parameter, by its name in a space, that the objective is known not to take.
            It raises FieldError, and imports neither torch nor the user's code. None: nothing is known.
        by_hand: Returns the working directory and the arguments that train a config again in a shell. It is given the
            section, the config, the trial's own values, and the folder of the attempt to repeat. It raises FieldError.
            None: there is no such command.
        cautions: Returns what to know before anything is trained, a line each. It is given the section and the study,
            and takes milliseconds. None: there is nothing.
    """

    key: str
    section: type[SectionT]
    load: Callable[[SectionT, str | None], Objective]
    code_folder: Callable[[SectionT, str, str | None], Path]
    check: Callable[[SectionT, StudyConfig, str | None], None] | None = None
    check_bounds: Callable[[Space, str], None] | None = None
    by_hand: Callable[[SectionT, Config, OwnValues, Path | None], tuple[str | None, list[str]]] | None = None
    cautions: Callable[[SectionT, StudyConfig], list[str]] | None = None
