"""A space file's content: it becomes a frozen `StudyConfig`, or one message that says what is wrong."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hpsearch.config.budget_section import Budget
from hpsearch.config.objectives import ObjectiveSection, Sections, parse_objective
from hpsearch.config.prune import JUST_STALL, UNSAID, Prune, PruneField
from hpsearch.config.sampler_section import SamplerClass
from hpsearch.config.section import Section, validated
from hpsearch.errors import FieldError
from hpsearch.space.distributions import Choice
from hpsearch.space.given import params_of
from hpsearch.space.parsing import parse_space
from hpsearch.space.space import Space
from hpsearch.system.names import STUDY_NAME
from hpsearch.system.plain import plain
from hpsearch.text import nearest, shown
from hpsearch.trial.trial import Direction

MAX_LEVELS = 1000  # a sampler makes a permutation of them for each config


class SearchRound(Section):
    """One round of a search from coarse to fine.

    Attributes:
        trials: Number of trials.
        epochs: Epochs of each trial; None for the objective's.
        around: From the second round on, the ranges lie around this many of the best trials so far.
    """

    trials: int = Field(ge=1)
    epochs: int | None = Field(default=None, ge=1)
    around: int = Field(default=3, ge=1)


class Expand(Section):
    """Whether ranges grow on a side where the best trials crowd.

    Attributes:
        rounds: Expansions at most.
        trials: Trials of each expansion; None for a quarter of the search's, but at least 8.
    """

    rounds: int = Field(default=2, ge=1)
    trials: int | None = Field(default=None, ge=1)


class WarmStart(Section):
    """Earlier trials to start from.

    Attributes:
        study: A study's name or path. A name is looked up in the directory of the new study.
        csv: A CSV file; relative to the space file.
        best: How many of its best configs to train first.
    """

    study: str | None = Field(default=None, min_length=1)
    csv: str | None = Field(default=None, min_length=1)
    best: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.study is None) == (self.csv is None):
            msg = "one of study: NAME and csv: FILE"
            raise ValueError(msg)
        return self


_AUTO_SHARE = 4  # promotion with eta 3 trains about this fraction of all full lengths
DEFAULT_TRIALS = 48
MOST_TRIALS = 100_000
"""Trials of a search that only its budget ends; a study of this size was tried."""


SamplerName = Literal["jittered_grid", "random", "sobol", "tpe", "gp", "auto"]


class Search(Section):
    """How configs are proposed.

    Attributes:
        sampler: One of hpsearch's by its name, or a class that is written for Optuna.
        trials: Number of trials; None for the sum over the rounds, or 48. The last round gets more or fewer to fit.
            With sampler auto, the most trials.
        epochs: With sampler auto, what all trials train together; None for a quarter of their full lengths, but at
            least two full trainings.
        levels: Levels of a grid, by parameter. Where one is left out, the levels are chosen when the study is made.
        jitter: 1.0 draws from a whole cell of the grid, 0.0 takes its centre.
        first: Configs to try first, with the values that a trial gets.
        warm_start: Earlier trials to start from; None for none.
        expand: None to leave ranges as they are.
        rounds: From coarse to fine; empty for one round with the objective's epochs.
    """

    sampler: SamplerName | SamplerClass = "jittered_grid"
    trials: int | None = Field(default=None, ge=1)
    epochs: int | None = Field(default=None, ge=1)
    levels: dict[str, Annotated[int, Field(ge=1, le=MAX_LEVELS)]] = Field(default={})
    jitter: float = Field(default=1.0, ge=0, le=1)
    first: list[dict[str, Any]] = Field(default=[])
    warm_start: WarmStart | None = None
    expand: Expand | None = None
    rounds: list[SearchRound] = Field(default=[])

    @property
    def total(self) -> int:
        """Trials in total, without those of expansions."""
        return self.trials or sum(one.trials for one in self.rounds) or DEFAULT_TRIALS

    def auto_epochs(self, trials: int, epochs: int) -> int:
        """Return how many epochs a search with sampler auto trains.

        Args:
            trials: Its most trials.
            epochs: Of a full training.
        """
        return self.epochs or max(2 * epochs, math.ceil(trials * epochs / _AUTO_SHARE))

    @property
    def is_open(self) -> bool:
        """Whether it goes on until the budget is spent, because no number of trials was given."""
        return self.trials == MOST_TRIALS


class Finalists(Section):
    """How many of the best configs are retrained, and with how many seeds each."""

    configs: int = Field(default=3, ge=1)
    seeds: int = Field(default=5, ge=1)


class Ensemble(Section):
    """The vote of the best checkpoints.

    Attributes:
        members: Members at most.
        vote: `soft` averages probabilities, `hard` counts votes.
        weights: What a member's weight is proportional to.
    """

    members: int = Field(default=5, ge=1)
    vote: Literal["soft", "hard"] = "soft"
    weights: Literal["uniform", "accuracy", "confidence"] = "confidence"


class Faults(Section):
    """How long a trial may take, and what happens after a lost worker or an error."""

    trial_timeout_s: float | None = Field(default=None, gt=0)
    epoch_timeout_s: float | None = Field(default=None, gt=0)
    max_retries: int = Field(default=2, ge=0)
    max_identical_errors: int = Field(default=3, ge=1)


ExportFormat = Literal["yaml", "json", "toml", "hydra", "args", "env", "python", "python-assign", "lightning", "optuna"]


class Export(Section):
    """Where `hpsearch export STUDY` writes.

    Attributes:
        to: The file; relative to the space file.
        format: None for the one that the file's suffix says.
        key: The mapping in it that the values belong in.
        map: Names in the file, by parameter; an empty one leaves the parameter out.
        only: The parameters to write; empty for all.
        add: Whether a file that is there gets what it does not have yet.
    """

    to: str = Field(min_length=1)
    format: ExportFormat | None = None
    key: str | None = Field(default=None, min_length=1)
    map: dict[str, str] = Field(default={})
    only: list[Annotated[str, Field(min_length=1)]] = Field(default=[])
    add: bool = False


class _File(Section):
    study: str = Field(
        pattern=STUDY_NAME,
        description="a name of letters, digits, '.', '_' and '-' that starts with a letter or a digit",
    )
    metric: str = Field(
        min_length=1, description="the name of a metric that the objective yields, such as val_accuracy"
    )
    direction: Literal["maximize", "minimize"]
    seed: int = Field(default=0, ge=0, lt=2**32)
    objective: Any  # `parse_objective` knows what may stand there
    space: dict[str, Any] = Field(description="a mapping of parameters, such as lr: {loguniform: [1e-4, 1e-1]}")
    constraints: list[str] = Field(default=[])
    search: Search = Search()
    prune: PruneField = UNSAID
    budget: Budget | None = None
    finalists: Finalists | None = Finalists()
    ensemble: Ensemble | None = Ensemble()
    keep_checkpoints: int = Field(default=10, ge=1)
    gpus_per_trial: int = Field(default=1, ge=1)
    faults: Faults = Faults()
    export: Export | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyConfig:
    """A validated space file.

    Attributes:
        gpus_per_trial: How many GPUs a trial has, unless the command asks for another number.
        raw: The file's content after `--set`, as JSON types; what a study stores, and parses again when it is resumed.
    """

    study: str
    metric: str
    direction: Direction
    seed: int
    objective: ObjectiveSection
    space: Space
    search: Search
    prune: Prune | None
    budget: Budget | None
    finalists: Finalists | None
    ensemble: Ensemble | None
    keep_checkpoints: int
    gpus_per_trial: int
    faults: Faults
    export: Export | None
    raw: Mapping[str, Any]

    def epochs_of(self, planned: SearchRound) -> int:
        """Return the full length of the trials of a round that the file plans."""
        return planned.epochs or self.objective.epochs

    def before_auto(self) -> StudyConfig:
        """Return the same for a study that was made when an unsaid `prune` meant stall alone."""
        return replace(self, prune=JUST_STALL) if self.prune is not None and self.prune.is_auto else self

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that change with any value of the file."""
        canonical = json.dumps(self.raw, sort_keys=True, default=str)
        return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


def study_config(raw: Any, sections: Sections) -> StudyConfig:
    """Return the study that a space file's content describes.

    Args:
        raw: Nested mappings, lists and scalars, as YAML or JSON gives them.
        sections: The ways that an objective may be described, by key.

    Raises:
        FieldError: The first thing that is wrong.
    """
    if not isinstance(raw, Mapping):
        problem = "is empty" if raw is None else f"found {shown(raw)}"
        raise FieldError((), problem, f"a mapping with {', '.join(_File.model_fields)}")
    raw = plain(raw)
    # A missing objective passes here, for `parse_objective` names the ways that are known.
    file = validated(_File, {"objective": None, **raw}, ())
    objective = parse_objective(raw, sections)
    space = parse_space(file.space, constraints=file.constraints)
    _check_names(space, objective)
    search = _searched(file)
    _check_search(search, space, objective)
    _check_auto(search, file.prune)
    return StudyConfig(
        study=file.study,
        metric=file.metric,
        direction=Direction(file.direction),
        seed=file.seed,
        objective=objective,
        space=space,
        search=search,
        prune=file.prune,
        budget=file.budget,
        finalists=file.finalists,
        ensemble=file.ensemble,
        keep_checkpoints=file.keep_checkpoints,
        gpus_per_trial=file.gpus_per_trial,
        faults=file.faults,
        export=file.export,
        raw=raw,
    )


def _searched(file: _File) -> Search:
    """Return the search; with a budget and without a number of trials it is open."""
    search = file.search
    if file.budget is None or not file.budget.limits.any or search.trials is not None or search.rounds:
        return search
    for path, section in (
        (("search", "expand"), search.expand),
        (("prune", "screen"), file.prune and file.prune.screen),
    ):
        if section is not None:
            raise FieldError(
                path,
                "comes after the last trial, and a search that only its budget ends has none",
                "a number of trials, search.trials, too",
            )
    return search.model_copy(update={"trials": MOST_TRIALS})


def _check_names(space: Space, objective: ObjectiveSection) -> None:
    settings = set(type(objective).model_fields)
    for name in space.names:
        if name in settings:
            raise FieldError(
                ("space", name), f"{name!r} is a setting of the objective", "another name, or set it under objective"
            )


def _check_auto(search: Search, prune: Prune | None) -> None:
    """Check that nothing is asked that only other samplers do."""
    path = ("search", "sampler")
    if search.sampler != "auto":
        if search.epochs is not None:
            raise FieldError(("search", "epochs"), "is for sampler auto", "search.trials, or budget.epochs")
        return
    for name, given in (("rounds", search.rounds), ("expand", search.expand)):
        if given:
            raise FieldError(path, f"auto has no search.{name}", f"another sampler, or no search.{name}")
    if prune is not None and prune.rival_rule is not None:
        what = f"auto chooses itself which trials go on, and prune.{prune.rival_rule} does too"
        raise FieldError(path, what, f"another sampler, or no prune.{prune.rival_rule}")


def _check_search(search: Search, space: Space, objective: ObjectiveSection) -> None:
    check_levels(space, search.levels)
    for name, axis in space.parameters.items():
        if isinstance(axis, Choice) and axis.count > MAX_LEVELS and search.sampler == "jittered_grid":
            allowed = f"at most {MAX_LEVELS} with search.sampler jittered_grid; sobol and random take any number"
            raise FieldError(("space", name, "choice"), f"has {axis.count} values", allowed)
    keys = [space.key(params_of(space, one, ("search", "first", at))) for at, one in enumerate(search.first)]
    for position, key in enumerate(keys):
        if (earlier := keys.index(key)) < position:
            raise FieldError(
                ("search", "first", position), f"is the config of search.first.{earlier}", "different configs"
            )
    if len(search.first) > search.total:
        raise FieldError(
            ("search", "first"), f"has {len(search.first)} configs", f"at most search.trials, {search.total}"
        )
    for position, planned in enumerate(search.rounds):
        if planned.epochs is not None and planned.epochs > objective.epochs:
            path = ("search", "rounds", position, "epochs")
            raise FieldError(path, f"found {planned.epochs}", f"at most objective.epochs, {objective.epochs}")
        if planned.epochs not in (None, objective.epochs) and not objective.is_told_epochs:
            path = ("search", "rounds", position, "epochs")
            raise FieldError(path, "the command is never told its epochs", "{epochs} in objective.command")


def check_levels(space: Space, levels: Mapping[str, int]) -> None:
    """Check numbers of levels against a space.

    Raises:
        FieldError: A number is for no parameter, is not from 1 to 1000, or differs from the number of choices.
    """
    for name, count in levels.items():
        path = ("search", "levels", name)
        axis = space.parameters.get(name)
        if axis is None:
            known = list(space.parameters)
            raise FieldError(path, f"{name!r} is not a parameter", ", ".join(known), nearest(name, known))
        if isinstance(axis, Choice) and count != axis.count:
            raise FieldError(path, f"found {count}", f"{axis.count}, one for each choice; or leave it out")
        if not 1 <= count <= MAX_LEVELS:
            raise FieldError(path, f"found {count}", f"an integer >= 1 and <= {MAX_LEVELS}")
