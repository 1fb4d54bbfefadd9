"""The section of a space file that names a command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.config.section import Section
from hpsearch.objectives.command.tokens import mentions
from hpsearch.system.place import Place

_ENDING_S = 10.0  # more than the supervisor takes
_LINE = "text that is split as a shell would, or a list of text; not empty"


class ConfigFile(Section):
    """The config file that a command reads. Each trial gets one, made from one of the user's.

    Attributes:
        template: A YAML, JSON or TOML file; relative to the space file. None for a JSON file of the values alone.
        key: The mapping in it that the parameters belong in; `.` is the top level.
        map: Parameters by name to their keys in that mapping, where the two differ. It may also give a key to `seed`,
            `epochs`, `trial_dir`, `number` or `resume_from`.
        add: Whether the file gets what the template does not have yet.
    """

    template: str | None = None
    key: str = Field(default=".", min_length=1)
    map: dict[str, Annotated[str, Field(min_length=1)]] = Field(default={})
    add: bool = False


class Metrics(Section):
    """How a command's measurements are read, if not from lines of JSON on its standard output as they are.

    Any other key is a metric that is computed of others, such as `acc: "correct / total"`.

    Attributes:
        regex: A regular expression for a line of its output; its named groups are metrics, and `epoch`.
        csv: A CSV file with a header line that it appends to; `{trial_dir}` is the attempt's folder.
        tensorboard: A folder that it writes TensorBoard events of scalars to; a step is an epoch.
        first_epoch: The command's own number of its first epoch.
        counted: Whether each line or row with the metric is the next epoch, whatever epoch it names.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str] = Field(init=False)

    regex: str | None = Field(default=None, min_length=1)
    csv: str | None = Field(default=None, min_length=1)
    tensorboard: str | None = Field(default=None, min_length=1)
    first_epoch: Literal[0, 1] = 1
    counted: bool = False

    @property
    def computed(self) -> Mapping[str, str]:
        """The computed metrics: arithmetic by name."""
        return self.model_extra or {}

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        ways = sum(value is not None for value in (self.regex, self.csv, self.tensorboard))
        if ways > 1 or not self.model_fields_set:
            msg = (
                "exactly one of regex, csv and tensorboard; or, for lines of JSON, first_epoch, counted or a metric "
                'that is computed, such as acc: "correct / total"'
            )
            raise ValueError(msg)
        return self


class Command(ObjectiveSection):
    """The user's command: text that is split as a shell would, or a list of arguments.

    Attributes:
        cwd: The working directory; relative to the space file.
        workdir: `trial` to run in the attempt's own folder. Arguments that are paths from `cwd` become absolute.
        interpreter: The Python to use where the command's program is `python`: an interpreter, or the folder of a
            virtual environment; relative to the space file.
        resume: Arguments that are added when a trial goes on after its worker was lost, such as
            `--resume {resume_from}`.
        config_file: What `{config_file}` is made from.
        metrics: Where measurements come from; None for lines of JSON on standard output.
        exit_grace_s: How long the command may still run after its last epoch, in seconds.
    """

    own_processes: ClassVar[bool] = True
    can_predict: ClassVar[bool | None] = False
    files: ClassVar[tuple[tuple[str, ...], ...]] = (("cwd",), ("config_file", "template"))
    # A virtual environment's interpreter is a link; by the link's own path Python finds the environment.
    links: ClassVar[tuple[tuple[str, ...], ...]] = (("interpreter",),)

    command: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)] = Field(description=_LINE)
    cwd: str | None = None
    workdir: Literal["trial"] | None = Field(default=None, description="trial, the folder of each attempt")
    interpreter: str | None = None
    resume: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description=_LINE
    )
    config_file: ConfigFile | None = None
    metrics: Metrics | None = None
    exit_grace_s: float = Field(default=10.0, ge=0.0)

    @property
    def ending_s(self) -> float:
        """How long the command may still run after its last epoch, and be ended after that, in seconds."""
        return self.exit_grace_s + _ENDING_S

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
        if self.config_file is not None and self.config_file.template is not None:
            template = place.of(self.config_file.template)
            changes["config_file"] = self.config_file.model_copy(update={"template": template})
        return self.model_copy(update=changes)
