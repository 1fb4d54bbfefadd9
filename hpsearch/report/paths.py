"""Where a study's files are, and how to name the study on the command line."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from hpsearch.store.pointer import read_pointer
from hpsearch.study.study import Study


def shown_path(path: Path) -> str:
    """Return a path as the user can type it: relative if it is below the working directory."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) and absolute != here else str(path)


def shown_store(folder: Path) -> str:
    """Return where a study's store is, without a password."""
    pointer = read_pointer(folder)
    return pointer["storage"] or shown_path(folder / pointer["file"])


def study_argument(study: Study, studies: Path | None = None) -> str:
    """Return what to type for STUDY: the name if that is enough, else the path; with --storage if it is needed.

    Args:
        studies: The directory that was given with --studies; it is repeated if the name needs it.
    """
    default = Path(os.environ.get("HPSEARCH_STUDIES") or "studies")
    if study.folder.absolute() == (default / study.name).absolute():
        typed = study.name
    elif studies is not None and study.folder.absolute() == (studies / study.name).absolute():
        typed = f"{study.name} --studies {shlex.quote(str(studies))}"
    else:
        typed = shlex.quote(shown_path(study.folder))
    elsewhere = read_pointer(study.folder)["storage"]
    needed = elsewhere is not None and "HPSEARCH_STORAGE" not in os.environ
    return f"{typed} --storage {shlex.quote(elsewhere)}" if needed else typed
