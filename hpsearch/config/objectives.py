"""The `objective` section of a space file: what a trial trains. Which ways there are is given by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, Field

from hpsearch.config.section import Section, validated
from hpsearch.errors import FieldError
from hpsearch.system.place import Place
from hpsearch.text import nearest, shown

_PATH = ("objective",)


class ObjectiveSection(Section):
    """What every way to describe an objective has in common; each way is a subclass.

    Attributes:
        epochs: The full length of a trial.
        built_in: Whether the code is hpsearch's own, so that hpsearch's version tells which code ran.
        own_processes: Whether a trial trains in processes of its own. Then the worker has neither its random state nor
            its GPU memory.
        can_predict: Whether it gives class probabilities, which an ensemble needs; None if only the loaded code tells.
        files: Fields that name files, as keys below `objective`. The space file gives them relative to itself.
        links: Fields like `files`, but a symbolic link stays as it is.
        modules: Large modules that its worker needs, whatever the settings are. Importing them changes nothing else.
        losses: Metrics that are NaN or infinite only if the training has diverged.
    """

    # Built at the first use: to read a study takes one of the models.
    model_config = ConfigDict(defer_build=True)

    built_in: ClassVar[bool] = False
    own_processes: ClassVar[bool] = False
    can_predict: ClassVar[bool | None] = None
    files: ClassVar[tuple[tuple[str, ...], ...]] = ()
    links: ClassVar[tuple[tuple[str, ...], ...]] = ()
    modules: ClassVar[tuple[str, ...]] = ()
    losses: ClassVar[tuple[str, ...]] = ()

    epochs: int = Field(ge=1, description="an integer >= 1, the full length of a trial")

    @property
    def can_resume(self) -> bool:
        """Whether an interrupted trial can go on where it stopped, as far as the settings tell."""
        return True

    @property
    def can_pause(self) -> bool:
        """Whether a trial may be ended at an epoch and go on later."""
        return self.can_resume

    def goes_on_after(self, epoch: int, checkpoint: int) -> int:
        """Return the epoch after which a trial that is paused would go on; 0 for the start.

        Args:
            epoch: Its last one.
            checkpoint: The epoch of its last checkpoint; 0 if there is none.
        """
        if not self.can_pause:
            return 0
        return epoch if self.own_processes else checkpoint  # such processes keep their own checkpoints

    @property
    def ending_s(self) -> float:
        """How long the processes of a trial may still run after its last epoch is committed, in seconds."""
        return 0.0

    @property
    def is_told_epochs(self) -> bool:
        """Whether the training learns how many epochs its trial has."""
        return True

    def relocated(self, place: Place) -> Self:
        """Return the section with the paths of its code in a copy of the repository."""
        del place  # most code is found by its module's name
        return self

    def measured_on(self) -> dict[str, Any]:
        """Return what is known of the data and its split, by name, in JSON types."""
        return {}


Sections = Mapping[str, type[ObjectiveSection]]
"""The known ways, by the key that stands in the section."""


def parse_objective(raw: Mapping[str, Any], sections: Sections) -> ObjectiveSection:
    """Return the objective that a space file describes.

    Args:
        raw: The whole file's content.
        sections: The known ways.

    Raises:
        FieldError: The first thing that is wrong.
    """
    keys = ", ".join(sections)
    section = raw.get("objective")
    if not isinstance(section, Mapping):
        problem = f"found {shown(section)}" if "objective" in raw else "is missing"
        raise FieldError(_PATH, problem, f"a mapping with epochs and one of {keys}")
    ways = [key for key in sections if key in section]
    if len(ways) != 1:
        problem = f"has both {ways[0]!r} and {ways[1]!r}" if ways else f"has none of {keys}"
        near = next((way for key in section if (way := nearest(str(key), list(sections)))), "") if not ways else ""
        raise FieldError(_PATH, problem, f"one of {keys}", near)
    return validated(sections[ways[0]], section, _PATH)
