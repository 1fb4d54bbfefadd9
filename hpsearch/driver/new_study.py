"""Makes a study: its folder, and all that its store holds from the start."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hpsearch.config.config import StudyConfig
from hpsearch.driver.edits import WRITTEN
from hpsearch.driver.snapshot import FOLDER, take_snapshot
from hpsearch.driver.warm_start import EarlierTrials
from hpsearch.objectives.loading import code_folder
from hpsearch.objectives.space_files import file_content
from hpsearch.samplers.rounds import first_round
from hpsearch.store.folders import making
from hpsearch.store.store import Store
from hpsearch.study.study import Study
from hpsearch.system.git import CodeState, code_state
from hpsearch.system.versions import versions


@dataclass(frozen=True, kw_only=True, slots=True)
class NewStudy:
    """What a study is made from.

    Attributes:
        name: The study's.
        folder: The one to make, absolute.
        config: The space file, with `--set` and its like.
        path: The space file's path.
        storage: URL of the store, or `sqlite` or `journal` for a file in the folder; None for what suits that.
        earlier: The trials that it starts from.
        snapshot: Whether it gets a copy of the code.
    """

    name: str
    folder: Path
    config: StudyConfig
    path: Path
    storage: str | None
    earlier: EarlierTrials
    snapshot: bool

    def make(self, tell: Callable[[str], None]) -> Study:
        """Make the folder and the store, or neither.

        Args:
            tell: Takes what there is to say of the copy of the code.

        Raises:
            InputError: One of them can't be made, or the code can't be copied.
        """
        code = code_folder(self.config.objective, str(Path.cwd()), str(self.path.parent.resolve()))
        studies = self.folder.parent
        attributes = self._attributes(code_state(code, [studies]))
        with making(self.folder):
            if self.snapshot:
                taken = take_snapshot(code, self.folder, studies)
                attributes |= taken.attributes()
                tell(f"{taken} copied to {self.folder / FOLDER}, where all trials run")
            store = Store.create(self.folder, self.name, self.storage, self.config.direction, attributes)
        return Study(self.name, self.folder, self.config, store)

    def _attributes(self, code: CodeState | None) -> dict[str, Any]:
        """Return what the store holds of the study from the start, as JSON types.

        Args:
            code: The state of the repository that the objective lies in; None if it lies in none.
        """
        written = file_content(self.path)
        attributes: dict[str, Any] = {
            "space": dict(self.config.raw),
            "space_file": self.path.name,
            "module_folder": str(self.path.parent.resolve()),
            "space_hash": self.config.hash,
            "rounds": [first_round(self.config).as_dict()],
            "trials": self.config.search.total,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            WRITTEN: None if written == self.config.raw else written,
            **self.earlier.attributes(),
        }
        return attributes if code is None else attributes | {"code": code.as_dict()}


def remove(study: Study) -> None:
    """Remove a new study whose workers can't be had: else each try would leave one more."""
    study.store.remove()
    shutil.rmtree(study.folder)
    with suppress(OSError):  # others lie there
        study.folder.parent.rmdir()
