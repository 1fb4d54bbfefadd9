"""`DrivenStudy`: a study whose store is open for writing."""

from __future__ import annotations

from dataclasses import dataclass, field

from hpsearch.store.store import Store
from hpsearch.study.study import Study


@dataclass(frozen=True)
class DrivenStudy(Study):
    """A study that the driver writes.

    Attributes:
        store: The study's database, open for writing.
    """

    store: Store = field(repr=False)

    @classmethod
    def of(cls, study: Study) -> DrivenStudy:
        """Return a study with its store open for writing, which then replaces the one that it was read from.

        Raises:
            InputError: The store can't be opened.
        """
        return cls(study.name, study.folder, study.config, Store.of(study.store))
