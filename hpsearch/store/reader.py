"""A study's store, opened for reading.

A study is two Optuna studies, `NAME/search` and `NAME/finalists`, that any Optuna tool opens. All trials are read at
once, when the first of them is asked for, and then kept in memory.

A store that is an SQLite file is read without Optuna and SQLAlchemy, whose imports take longer than most commands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from hpsearch.errors import InputError, StudyNotFoundError
from hpsearch.store.location import FILES, file_of, url_of
from hpsearch.store.mirror import Mirror
from hpsearch.store.pointer import check_format, read_pointer
from hpsearch.store.records import Curve, StoredTrial
from hpsearch.store.source import Source
from hpsearch.store.sqlite import SqliteSource
from hpsearch.store.url import FIX, opening, redact
from hpsearch.trial.trial import Stage, TrialRecord


class StoreReader:
    """One study in a database, to be read. `open` makes it.

    Args:
        source: Where its rows come from.
        name: The study's.
    """

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self.name = name
        self._ids: dict[Stage, int] = {}
        self._mirror = Mirror(self._read_trials, self._read_curves, self._reading)
        self._attributes: dict[str, Any] = {}

    @classmethod
    def open(cls, folder: Path, url: str | None = None) -> Self:
        """Open the study of a directory.

        Raises:
            StudyNotFoundError: There is none.
            InputError: Its database is elsewhere and was not given, or can't be read.
        """
        pointer = read_pointer(folder)
        local, file = pointer["storage"] is None, pointer["file"]
        if not local and (url is None or url in FILES):
            raise InputError(
                f"{folder}: the study's store is at {pointer['storage']}; give it with --storage or HPSEARCH_STORAGE"
            )
        if local and not (folder / file).is_file():
            raise StudyNotFoundError(f"{folder}: its store {file} is missing")
        return cls._of_study(url_of(folder, file) if local or url is None else url, pointer["study"])

    @classmethod
    def _of_study(cls, url: str, name: str) -> Self:
        store = cls(cls._connected(url), name)
        with store._or_closed():
            store._read_study()
        return store

    @classmethod
    def _connected(cls, url: str) -> Any:
        """Return the lightest source for a URL."""
        file = file_of(url)
        if file is not None:
            with opening(url, SqliteSource.errors):
                source = SqliteSource(file, url)
                if source.is_known:
                    return source
        from hpsearch.store.connection import connect

        return connect(url, make=False)

    @property
    def url(self) -> str:
        """Where the store is; may hold a password."""
        return self._source.url

    @property
    def is_empty(self) -> bool:
        """Whether no trial was ever begun."""
        return not any(self._mirror.of(stage) for stage in Stage)

    def get(self, key: str, default: Any = None) -> Any:
        """Return an attribute of the study."""
        return self._attributes.get(key, default)

    def records(self, stage: Stage) -> list[TrialRecord]:
        """Return the trials of a stage, by number."""
        return list(self._mirror.of(stage).values())

    def record(self, stage: Stage, number: int) -> TrialRecord:
        """Return one trial.

        Raises:
            KeyError: There is none of that number.
        """
        return self._mirror.of(stage)[number]

    def reload(self) -> None:
        """Read all of it again.

        Raises:
            StudyNotFoundError: The study is not there, or only half-made.
            InputError: It was made by a newer hpsearch, or is damaged.
        """
        self._read_study()
        self._mirror.load()

    def check_whole(self) -> None:
        """Check that the database is whole, before anything is built on what it holds.

        Raises:
            InputError: It is damaged.
        """
        with opening(self.url, self._source.errors):
            damage = self._source.damage()
        if damage:
            raise InputError(f"{redact(self.url)}: is damaged: {damage}; {FIX}")

    def close(self) -> None:
        """Close all connections."""
        self._source.close()

    @contextmanager
    def _or_closed(self) -> Iterator[None]:
        try:
            with opening(self.url, self._source.errors):
                yield
        except BaseException:
            self.close()
            raise

    def _read_study(self) -> None:
        """Read what belongs to no trial; the trials follow when they are needed."""
        with opening(self.url, self._source.errors):
            for stage in Stage:
                try:
                    self._ids[stage] = self._source.study_id(f"{self.name}/{stage}")
                except KeyError:
                    raise StudyNotFoundError(f"{redact(self.url)}: has no study {self.name}") from None
            with self._reading():
                self._attributes = self._source.study_attributes(self._ids[Stage.SEARCH])
            self._check_format()
        self._mirror.forget()

    def _check_format(self) -> None:
        if "format" not in self._attributes:
            raise StudyNotFoundError(f"study {self.name}: its creation was interrupted; run it again")
        check_format(f"study {self.name}", self._attributes["format"])

    def _read_trials(self, stage: Stage) -> list[StoredTrial]:
        with opening(self.url, self._source.errors), self._reading():
            return self._source.trials(self._ids[stage])

    def _read_curves(self, stage: Stage) -> Mapping[int, Curve]:
        with opening(self.url, self._source.errors), self._reading():
            return self._source.curves(self._ids[stage])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise InputError(f"{redact(self.url)}: is damaged: a row can't be read ({error!r}); {FIX}") from None
