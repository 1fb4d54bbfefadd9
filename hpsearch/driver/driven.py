"""`DrivenStudy`: a study whose store is open for writing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hpsearch.study.study import Study

if TYPE_CHECKING:
    from hpsearch.store.store import Store


@dataclass(frozen=True)
class DrivenStudy(Study):
    """A study that the driver may write.

    Attributes:
        store: The study's database, open for writing.
    """

    store: Store = field(repr=False)

    @classmethod
    def of(cls, study: Study) -> DrivenStudy:
        """Return a study with its store open for writing; use it instead of the given one from then on.

        Raises:
            InputError: The store can't be opened.
        """
        from hpsearch.store.store import Store

        return cls(study.name, study.folder, study.config, Store.of(study.store))
