"""The fields of a space file that name files: from paths relative to a folder to absolute ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hpsearch.config.objectives import Sections
from hpsearch.errors import FieldError
from hpsearch.text import shown

_STUDY = ("search", "warm_start", "study")
_FILES = (("search", "warm_start", "csv"), _STUDY, ("export", "to"))


class FileFields:
    """Makes the paths in a space file's content absolute.

    Args:
        sections: The known ways to describe an objective, which have such fields too.
    """

    def __init__(self, sections: Sections) -> None:
        self._links = {("objective", *keys) for section in sections.values() for keys in section.links}
        files = [("objective", *keys) for section in sections.values() for keys in section.files]
        self._fields = [*files, *self._links, *_FILES]

    def resolve_all(self, raw: Any, folder: Path) -> None:
        """Resolve all of them in place, relative to a folder.

        Raises:
            FieldError: One can't be resolved.
        """
        for keys in self._fields:
            values = raw
            for key in keys[:-1]:
                values = values.get(key) if isinstance(values, dict) else None
            if isinstance(values, dict) and keys[-1] in values:
                values[keys[-1]] = self.resolved(keys, values[keys[-1]], folder)

    def resolved(self, keys: tuple[str, ...], value: Any, folder: Path) -> Any:
        """Return the value of a field: an absolute path if it is a path, else the value as it is.

        Raises:
            FieldError: It can't be resolved.
        """
        # A study without a slash is looked up by its name.
        if keys not in self._fields or not isinstance(value, str) or (keys == _STUDY and "/" not in value):
            return value
        try:
            path = folder / Path(value).expanduser()
            resolved = path.resolve()
            return os.path.abspath(path) if keys in self._links else str(resolved)  # noqa: PTH100 - keeps the link
        except (
            RuntimeError,
            OSError,
            ValueError,
        ) as error:  # an unknown user's home, a loop of links, a null character
            problem = f"found {shown(value)}: {error}"
            raise FieldError(keys, problem, "a path, relative to the space file or absolute") from None
