"""A study's rows in one of Optuna's storages: read as a whole, created one by one, and changed in batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from hpsearch.store.lock import DriverLock


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTrial:
    """A trial as it is stored.

    Attributes:
        id: The storage's own.
        params: As drawn, in the order in which they were drawn.
        values: By step, which is the epoch.
        attributes: Optuna's user attributes.
    """

    id: int
    number: int
    state: TrialState
    params: Mapping[str, Any]
    values: Mapping[int, float]
    attributes: Mapping[str, Any]


@dataclass(slots=True)
class Changes:
    """What is to be written of trials that are there; the last word on each thing.

    Attributes:
        values: By trial id and step.
        attributes: By trial id and name; JSON values.
        ends: By trial id: the final state and the value that goes with it, None for none.
    """

    values: dict[tuple[int, int], float] = field(default_factory=dict)
    attributes: dict[tuple[int, str], Any] = field(default_factory=dict)
    ends: dict[int, tuple[TrialState, float | None]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many things are to be written."""
        return len(self.values) + len(self.attributes) + len(self.ends)


class Backend:
    """Any storage, through Optuna's public interface: one write after another, each durable for itself.

    Args:
        storage: Optuna's.
        url: Where it is; may hold a password.
    """

    def __init__(self, storage: BaseStorage, url: str) -> None:
        self.storage, self.url = storage, url

    def lock(self, study: str) -> DriverLock:
        """Return the lock that makes one process the driver of a study."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all connections."""
        self.storage.remove_session()

    def check_there(self) -> None:
        """Check that what is written goes where the next reader finds it.

        Raises:
            StorageInternalError: The file was deleted or replaced since it was opened.
        """

    def damage(self) -> str:
        """Return what is wrong with the storage as a whole; empty if nothing is, or if it does not say."""
        return ""

    def settle(self) -> None:
        """Make a new study one that needs no other file."""

    def trials(self, study_id: int) -> list[StoredTrial]:
        """Return a study's trials by number."""
        return [_stored(trial) for trial in self.storage.get_all_trials(study_id, deepcopy=False)]

    def create_trial(self, study_id: int, number: int, template: FrozenTrial) -> tuple[int, int]:
        """Create a trial with all that its template has.

        Args:
            number: The one that it is expected to get.

        Returns:
            Its id and its number. The trial is there only if that is the expected one, or if the storage can't tell
            beforehand.
        """
        del number  # a storage that gives numbers itself
        trial_id = self.storage.create_new_trial(study_id, template)
        return trial_id, self.storage.get_trial_number_from_id(trial_id)

    def apply(self, changes: Changes) -> None:
        """Write changes: what a killed writer has left out, is the end of them."""
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
        state=trial.state,
        params=trial.params,
        values=trial.intermediate_values,
        attributes=trial.user_attrs,
    )
