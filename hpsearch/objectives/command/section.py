"""The section of a space file that names a command."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.config.section import Section
from hpsearch.objectives.command.tokens import mentions
from hpsearch.system.place import Place

_LINE = "text that is split as a shell would, or a list of text; not empty"


class ConfigFile(Section):
    """The config file that a command reads. Each trial gets one, made from one of the user's.

    Attributes:
        template: A YAML, JSON or TOML file; relative to the space file.
        key: The mapping in it that the parameters belong in; `.` is the top level.
        map: Parameters by name to their keys in that mapping, where the two differ. It may also give a key to `seed`,
            `epochs`, `trial_dir`, `number` or `resume_from`.
    """

    template: str
    key: str = Field(default=".", min_length=1)
    map: dict[str, Annotated[str, Field(min_length=1)]] = Field(default={})


class Metrics(Section):
    """Where a command's measurements are read from, if not from lines of JSON on its standard output.

    Attributes:
        regex: A regular expression for a line of its output; its named groups are metrics, and `epoch`.
        csv: A CSV file with a header line that it appends to; `{trial_dir}` is the attempt's folder.
        tensorboard: A folder that it writes TensorBoard events of scalars to; a step is an epoch.
        first_epoch: The log's number of the first epoch.
    """

    regex: str | None = Field(default=None, min_length=1)
    csv: str | None = Field(default=None, min_length=1)
    tensorboard: str | None = Field(default=None, min_length=1)
    first_epoch: Literal[0, 1] = 1

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(value is not None for value in (self.regex, self.csv, self.tensorboard)) != 1:
            msg = "exactly one of regex, csv and tensorboard"
            raise ValueError(msg)
        return self


class Command(ObjectiveSection):
    """The user's command: text that is split as a shell would, or a list of arguments.

    Attributes:
        cwd: The working directory; relative to the space file.
        interpreter: The Python to use where the command's program is `python`: an interpreter, or the folder of a
            virtual environment; relative to the space file.
        resume: Arguments that are added when a trial goes on after its worker was lost, such as
            `--resume {resume_from}`.
        config_file: What `{config_file}` is made from.
        metrics: Where measurements come from; None for lines of JSON on standard output.
    """

    own_processes: ClassVar[bool] = True
    can_predict: ClassVar[bool | None] = False
    files: ClassVar[tuple[tuple[str, ...], ...]] = (("cwd",), ("config_file", "template"))
    # A virtual environment's interpreter is a link; by the link's own path Python finds the environment.
    links: ClassVar[tuple[tuple[str, ...], ...]] = (("interpreter",),)

    command: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)] = Field(description=_LINE)
    cwd: str | None = None
    interpreter: str | None = None
    resume: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description=_LINE
    )
    config_file: ConfigFile | None = None
    metrics: Metrics | None = None

    @property
    def can_resume(self) -> bool:
        """Whether the command is told to go on, and from which attempt."""
        return self.resume is not None or self._is_told("resume_from")

    @property
    def is_told_epochs(self) -> bool:
        """Whether the command learns how many epochs its trial has."""
        return self._is_told("epochs")

    def _is_told(self, name: str) -> bool:
        in_file = self.config_file is not None and name in self.config_file.map
        return in_file or mentions(self.command, name)

    def relocated(self, place: Place) -> Self:
        """Return the section with the working directory, the interpreter and the template in a copy."""
        if place.top is None:
            return self
        paths = {"cwd": self.cwd, "interpreter": self.interpreter}
        changes: dict[str, Any] = {name: place.of(path) for name, path in paths.items() if path is not None}
        if self.config_file is not None:
            template = place.of(self.config_file.template)
            changes["config_file"] = self.config_file.model_copy(update={"template": template})
        return self.model_copy(update=changes)
