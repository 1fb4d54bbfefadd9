"""What a store is read through: Optuna's two studies of a study, with their attributes and trials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from hpsearch.store.records import StoredTrial


class Source(ABC):
    """Where the rows of a study come from.

    All methods may raise what `errors` names, and an `AttributeError`, `LookupError`, `TypeError` or `ValueError` if a
    row is damaged.

    Attributes:
        url: Where it is; may hold a password.
        errors: What the libraries behind it raise.
    """

    url: str
    errors: ClassVar[tuple[type[Exception], ...]]

    @abstractmethod
    def study_id(self, name: str) -> int:
        """Return the id of one of Optuna's studies.

        Raises:
            KeyError: There is none of that name.
        """

    @abstractmethod
    def study_attributes(self, study: int) -> dict[str, Any]:
        """Return the user attributes of one of Optuna's studies, by its id."""

    @abstractmethod
    def trials(self, study: int) -> list[StoredTrial]:
        """Return the trials of one of Optuna's studies by number."""

    @abstractmethod
    def curves(self, study: int) -> dict[int, dict[int, float]]:
        """Return the values by step of the trials that `trials` gives without, by their ids."""

    @abstractmethod
    def damage(self) -> str:
        """Return what is wrong with the database as a whole; empty if nothing is, or if that is unknown."""

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""
