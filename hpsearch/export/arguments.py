"""The best config as the arguments that the study's own command takes."""

from __future__ import annotations

from collections.abc import Collection

from hpsearch.errors import InputError
from hpsearch.objectives.arguments import ArgumentLine
from hpsearch.objectives.own_values import values_by_hand
from hpsearch.objectives.registry import way_of
from hpsearch.study.outcome import Best
from hpsearch.study.study import Study
from hpsearch.trial.trial import Stage


def command_arguments(study: Study, best: Best, only: Collection[str]) -> ArgumentLine | None:
    """Return a config as the arguments of the study's command; None if its objective is no command.

    Args:
        only: The names to write.

    Raises:
        InputError: The command takes no value of the config as an argument of its script.
    """
    section = study.config.objective
    arguments = way_of(section).arguments
    if arguments is None:
        return None
    seed, epochs = study.store.record(Stage.SEARCH, best.trial).seed, study.full_epochs(Stage.SEARCH, best.trial)
    own = values_by_hand(best.trial, seed, epochs, study.config.gpus_per_trial)
    line = arguments(section).line(best.config, own, only)
    if not line.words:
        how, other = "has no parameter among its script's arguments", "another format, such as json"
        if line.config_file:
            how, other = "gets its values in a config file", line.config_file
        raise InputError(f"--format args: the command {how}: {line.command}; allowed: {other}")
    return line
