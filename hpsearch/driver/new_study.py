"""Makes a study: its folder, and its store with the first attributes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hpsearch.config.config import StudyConfig
from hpsearch.driver.asked import AskedRun
from hpsearch.driver.driven import DrivenStudy
from hpsearch.driver.edits import WRITTEN
from hpsearch.driver.ignoring import forget_own_ignore, keep_out_of_git
from hpsearch.driver.naming import free_name, renamed_in_words
from hpsearch.driver.snapshot import FOLDER, take_snapshot
from hpsearch.driver.warm_start import EarlierTrials, earlier_trials
from hpsearch.objectives.loading import check_objective, code_folder
from hpsearch.objectives.space_files import file_content
from hpsearch.samplers import check_sampler
from hpsearch.samplers.rounds import first_round
from hpsearch.store.folders import making, new_folder
from hpsearch.study.study import AUTO_MEANS
from hpsearch.system.git import CodeState, code_state
from hpsearch.system.versions import versions


@dataclass(frozen=True, kw_only=True, slots=True)
class NewStudy:
    """A study that is still to be made.

    Attributes:
        name: The study's.
        folder: The study's, absolute.
        config: The space file, with `--set` and similar options applied.
        path: The space file's path.
        storage: URL of the store, or `sqlite` or `journal` for a file in the folder; None to choose by the folder.
        earlier: Earlier trials to start from.
        snapshot: Whether to copy the code.
        renamed: A message to the user if the name is not the space file's, or empty.
    """

    name: str
    folder: Path
    config: StudyConfig
    path: Path
    storage: str | None
    earlier: EarlierTrials
    snapshot: bool
    renamed: str = ""

    @classmethod
    def of(cls, config: StudyConfig, path: Path, folder: Path, asked: AskedRun) -> NewStudy:
        """Return the study to make, under a free name.

        Args:
            config: The space file, with `--set` and similar options applied.
            path: The space file's path.
            folder: The study's if its name is free, absolute.

        Raises:
            InputError: The objective, the sampler, the name or the earlier trials are wrong.
        """
        if not asked.snapshot:  # the copy's code is checked instead
            check_objective(config, str(path.parent.resolve()))
            check_sampler(config, str(path.parent.resolve()))
        studies, asked_name = Path(asked.studies), asked.name is not None
        name = free_name(folder, asked=asked_name, storage=asked.storage)
        same = asked_name or name == config.study
        return cls(
            name=name,
            folder=new_folder(studies, name),
            config=config,
            path=path,
            storage=asked.storage,
            earlier=earlier_trials(config, studies, asked.storage),
            snapshot=asked.snapshot,
            renamed="" if same else renamed_in_words(config.study, name, studies, asked.storage),
        )

    def make(self, tell: Callable[[str], None], begin: Callable[[], None]) -> DrivenStudy:
        """Make the folder and the store, or neither.

        Args:
            tell: Takes messages on the copy of the code, and on git.
            begin: Called before the store is made if nothing is left to be refused; for what takes its time beside it.

        Raises:
            InputError: The folder or the store can't be made, or the code can't be copied.
        """
        code = code_folder(self.config.objective, str(Path.cwd()), str(self.path.parent.resolve()))
        studies = self.folder.parent
        attributes = self._attributes(code_state(code, [studies]))
        with making(self.folder):
            if self.snapshot:
                taken = take_snapshot(code, self.folder, studies)
                attributes |= taken.attributes()
                tell(f"{taken} copied to {self.folder / FOLDER}, where all trials run")
            elif self.storage is None and not self.config.search.is_open:
                begin()
            from hpsearch.store.store import Store  # Optuna, beside what has begun

            store = Store.create(self.folder, self.name, self.storage, self.config.direction, attributes)
        if said := keep_out_of_git(self.folder):
            tell(said)
        return DrivenStudy(self.name, self.folder, self.config, store)

    def _attributes(self, code: CodeState | None) -> dict[str, Any]:
        """Return the first attributes in the store, as JSON types.

        Args:
            code: The state of the objective's repository; None if there is none.
        """
        written = file_content(self.path)
        attributes: dict[str, Any] = {
            "space": dict(self.config.raw),
            "space_file": self.path.name,
            "module_folder": str(self.path.parent.resolve()),
            "space_hash": self.config.hash,
            "rounds": [first_round(self.config).as_dict()],
            "trials": self.config.search.total,
            AUTO_MEANS: 1,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            WRITTEN: None if written == self.config.raw else written,
            **self.earlier.attributes(),
        }
        return attributes if code is None else attributes | {"code": code.as_dict()}


def remove(study: DrivenStudy) -> None:
    """Remove a new study whose workers can't be started, or each try would leave one more."""
    study.store.remove()
    shutil.rmtree(study.folder)
    with suppress(OSError):  # the directory has other studies
        forget_own_ignore(study.folder.parent)
        study.folder.parent.rmdir()
