"""`Study`: a study at rest, which everything that reads one takes."""

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

DEFAULT_STUDIES = Path("studies")


@dataclass(frozen=True)
class Study(Outcome):
    """A study as its store holds it: what `load_study` returns."""

    @property
    def trials(self) -> pd.DataFrame:
        """The search trials; the columns are those of `hpsearch.study.frame.trials_frame`."""
        from hpsearch.study.frame import trials_frame

        return trials_frame(self)

    @property
    def finalists(self) -> pd.DataFrame:
        """The finalists' trials, one for each config and seed: the columns of `trials`, and where they come from."""
        from hpsearch.study.frame import finalists_frame

        return finalists_frame(self)

    def document(self) -> dict[str, Any]:
        """Return what `hpsearch show --json` prints."""
        from hpsearch.study.document import study_document

        return study_document(self)

    def close(self) -> None:
        """Close the store's connections."""
        self.store.close()


def load_study(study: str | Path, *, studies: str | Path = DEFAULT_STUDIES, storage: str | None = None) -> Study:
    """Return a study that is there.

    Args:
        study: Its name, or the path of its folder.
        studies: The directory that names are looked up in.
        storage: The URL of its store, if that is not in its folder.

    Raises:
        StudyNotFoundError: There is none.
        InputError: Its store can't be opened.
    """
    folder = find_folder(Path(studies), str(study))
    store = StoreReader.open(folder, storage)
    try:
        return Study(store.name, folder, parse_config(store.get("space")), store)
    except FieldError as error:
        store.close()
        raise InputError(f"study {store.name}: the space in its store is damaged: {error}; {FIX}") from None


def list_studies(studies: str | Path = DEFAULT_STUDIES, storage: str | None = None) -> Iterator[Study | InputError]:
    """Yield the studies of a directory by name; the error instead, for one that can't be opened."""
    for folder in study_folders(Path(studies)):
        try:
            study = load_study(folder, studies=studies, storage=storage)
            study.store.reload()  # here, where one that can't be read is told apart
        except InputError as error:
            yield error
            continue
        yield study
        study.close()
