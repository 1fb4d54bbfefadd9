"""A trial in a file, and back as Optuna's `FrozenTrial`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.config.config import StudyConfig
from hpsearch.errors import InputError
from hpsearch.space.distributions import Range
from hpsearch.space.space import Space
from hpsearch.trial.trial import TrialRecord

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def trial_content(record: TrialRecord, config: StudyConfig, explored: Space) -> dict[str, Any]:
    """Return the content of a file for a search trial. Its params are those in the store, not rounded, but scaled.

    Args:
        record: The trial.
        config: The study's config.
        explored: The space, with bounds that contain all that the study has sampled.
    """
    from optuna.distributions import distribution_to_json

    trained = config.space.config_of(record.params)
    params, distributions = {}, {}
    for name in config.space.active(record.params):
        axis, stored = explored.parameters[name], record.params[name]
        scale = config.space.scale_of(name, trained)
        if isinstance(axis, Range) and name in config.space.scalings:
            # The trained value, in a range that is scaled too: what a plain Optuna study would have searched.
            axis, stored = replace(axis, low=axis.low * scale, high=axis.high * scale), stored * scale
        params[name], distributions[name] = stored, axis.to_optuna()
    return {
        "number": record.number,
        "direction": str(config.direction),
        "value": record.value,
        "params": params,
        "distributions": {name: json.loads(distribution_to_json(one)) for name, one in distributions.items()},
        "intermediate_values": {str(epoch): value for epoch, value in record.values.items() if value == value},  # noqa: PLR0124 - not NaN
    }


def load_frozen_trial(path: str | Path) -> FrozenTrial:
    """Return the trial in a file that `hpsearch export --format optuna` wrote, for `study.add_trial`.

    Raises:
        InputError: The file can't be read, or holds something else.
    """
    from optuna.distributions import json_to_distribution
    from optuna.trial import TrialState, create_trial

    try:
        content = json.loads(Path(path).read_text())
        distributions = {name: json_to_distribution(json.dumps(one)) for name, one in content["distributions"].items()}
        return create_trial(
            state=TrialState.COMPLETE,
            value=content["value"],
            params=content["params"],
            distributions=distributions,
            user_attrs=content["user_attrs"],
            intermediate_values={int(epoch): value for epoch, value in content["intermediate_values"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is no trial of hpsearch export --format optuna: {error}") from None
