"""`Study`: a study at rest, for everything that reads one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.space_files import parse_config
from hpsearch.store.folders import find_folder, study_folders
from hpsearch.store.reader import StoreReader
from hpsearch.store.url import FIX
from hpsearch.study.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd

AUTO_MEANS = "auto"  # an attribute: which meaning of `auto` the study was made with; old studies have none
DEFAULT_STUDIES = Path("studies")


@dataclass(frozen=True)
class Study(Outcome):
    """A study as its store holds it; `load_study` returns one."""

    @property
    def trials(self) -> pd.DataFrame:
        """The search trials; the columns are those of `hpsearch.study.frame.trials_frame`."""
        from hpsearch.study.frame import trials_frame

        return trials_frame(self)

    @property
    def finalists(self) -> pd.DataFrame:
        """The finalists' trials, one for each config and seed; the columns are those of `finalists_frame`."""
        from hpsearch.study.frame import finalists_frame

        return finalists_frame(self)

    def document(self) -> dict[str, Any]:
        """Return the document that `hpsearch show --json` prints."""
        from hpsearch.study.document import study_document

        return study_document(self)

    def close(self) -> None:
        """Close the store's connections."""
        self.store.close()


def load_study(study: str | Path, *, studies: str | Path = DEFAULT_STUDIES, storage: str | None = None) -> Study:
    """Return an existing study.

    Args:
        study: Its name, or the path of its folder.
        studies: The directory where names are looked up.
        storage: The URL of the store, if it is not in the study's folder.

    Raises:
        StudyNotFoundError: There is no such study.
        InputError: The store can't be opened.
    """
    folder = find_folder(Path(studies), str(study))
    store = StoreReader.open(folder, storage)
    try:
        config = parse_config(store.get("space"))
        return Study(store.name, folder, config if store.get(AUTO_MEANS) else config.before_auto(), store)
    except FieldError as error:
        store.close()
        raise InputError(f"study {store.name}: the space in its store is damaged: {error}; {FIX}") from None


def list_studies(studies: str | Path = DEFAULT_STUDIES, storage: str | None = None) -> Iterator[Study | InputError]:
    """Yield the studies of a directory by name, or the error of one that can't be opened."""
    for folder in study_folders(Path(studies)):
        try:
            study = load_study(folder, studies=studies, storage=storage)
            study.store.reload()  # here, where its error is caught
        except InputError as error:
            yield error
            continue
        yield study
        study.close()
