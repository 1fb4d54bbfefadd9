"""A study's rows in one of Optuna's storages: read as a whole, created one by one, and changed in batches."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sqlalchemy as sa
from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from hpsearch.store.lock import DriverLock
from hpsearch.store.records import StoredTrial, state_named
from hpsearch.store.source import Source


@dataclass(slots=True)
class Changes:
    """What to write of trials that exist; a later change replaces an earlier one of the same thing.

    Attributes:
        values: By trial id and step.
        attributes: By trial id and name; JSON values.
        ends: By trial id: the final state and the value that goes with it, None for none.
    """

    values: dict[tuple[int, int], float] = field(default_factory=dict)
    attributes: dict[tuple[int, str], Any] = field(default_factory=dict)
    ends: dict[int, tuple[TrialState, float | None]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many things there are to write."""
        return len(self.values) + len(self.attributes) + len(self.ends)


class Backend(Source):
    """Any storage, through Optuna's public interface: each write is durable by itself.

    Args:
        storage: Optuna's.
        url: Where it is; may hold a password.
    """

    errors: ClassVar[tuple[type[Exception], ...]] = (sa.exc.SQLAlchemyError, OptunaError, sqlite3.Error)

    def __init__(self, storage: BaseStorage, url: str) -> None:
        self.storage, self.url = storage, url

    def study_id(self, name: str) -> int:
        """Return the id of one of Optuna's studies."""
        return self.storage.get_study_id_from_name(name)

    def study_attributes(self, study: int) -> dict[str, Any]:
        """Return the user attributes of one of Optuna's studies."""
        return dict(self.storage.get_study_user_attrs(study))

    def lock(self, study: str) -> DriverLock:
        """Return the lock that makes one process the driver of a study."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all connections."""
        self.storage.remove_session()

    def check_there(self) -> None:
        """Check that the next reader finds what is written.

        Raises:
            sqlite3.Error: The file was deleted or replaced since it was opened.
        """

    def damage(self) -> str:
        """Return nothing: a storage does not say whether it is whole."""
        return ""

    def settle(self) -> None:
        """Make a new study one that needs no other file."""

    def trials(self, study: int) -> list[StoredTrial]:
        """Return a study's trials by number."""
        return [_stored(trial) for trial in self.storage.get_all_trials(study, deepcopy=False)]

    def curves(self, study: int) -> dict[int, dict[int, float]]:
        """Return nothing: all trials come with their values."""
        del study
        return {}

    def create_trial(self, study_id: int, number: int, template: FrozenTrial) -> tuple[int, int]:
        """Create a trial with all that its template has.

        Args:
            study_id: Of the study that gets it.
            number: The number that it should get.
            template: A running trial.

        Returns:
            Its id and its number. With another number than it should get, the trial was not created, unless the storage
            can't tell beforehand.
        """
        del number  # the storage gives the numbers
        trial_id = self.storage.create_new_trial(study_id, template)
        return trial_id, self.storage.get_trial_number_from_id(trial_id)

    def apply(self, changes: Changes) -> None:
        """Write changes in order; what a killed writer has not written are the last of them."""
        for (trial_id, step), value in changes.values.items():
            self.storage.set_trial_intermediate_value(trial_id, step, value)
        for (trial_id, name), value in changes.attributes.items():
            self.storage.set_trial_user_attr(trial_id, name, value)
        for trial_id, (state, end) in changes.ends.items():
            self.storage.set_trial_state_values(trial_id, state, None if end is None else [end])


def _stored(trial: FrozenTrial) -> StoredTrial:
    return StoredTrial(
        id=trial._trial_id,  # noqa: SLF001 - FrozenTrial has no public id
        number=trial.number,
        state=state_named(trial.state.name),
        params=trial.params,
        values=trial.intermediate_values,
        attributes=trial.user_attrs,
    )
