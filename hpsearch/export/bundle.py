"""An ensemble as a folder to ship: the members' checkpoints and weights, and their provenance."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError
from hpsearch.export.provenance import provenance
from hpsearch.study.ensemble import Ensemble
from hpsearch.study.study import Study
from hpsearch.system.files import atomic_write, sync, unwritable
from hpsearch.trial.trial import Stage

ENSEMBLE_FILE = "ensemble.json"


def check_bundle(study: Study, target: Path) -> Ensemble:
    """Return the ensemble that a bundle would have; refuse what can't be bundled.

    Args:
        target: The folder to make.

    Raises:
        InputError: The study has no ensemble, a checkpoint is missing, or the target can't be made.
    """
    ensemble = study.ensemble
    if ensemble is None:
        raise InputError(f"study {study.name}: has no ensemble; allowed: a finished study whose objective can predict")
    for member in ensemble.members:
        if not (study.folder / member.checkpoint).is_file():
            raise InputError(
                f"study {study.name}: the checkpoint {study.folder / member.checkpoint} of a member is gone"
            )
    try:
        if target.exists() or target.is_symlink():
            raise InputError(f"{target}: is there already; allowed: a new folder")
        if not target.resolve().parent.is_dir():
            raise InputError(
                f"{target}: its folder {target.parent} is not there; allowed: a new folder in an existing one"
            )
    except (OSError, RuntimeError, ValueError) as error:  # too long, a circle of links, a null character
        raise InputError(f"{target}: is no folder's path: {error}; allowed: a new folder") from None
    return ensemble


def write_bundle(study: Study, target: Path) -> None:
    """Write a folder with the ensemble, whole or not at all.

    `ensemble.json` has `members` (`file`, `weight`, `trial`, `seed`, `params`; the best on `val` first), `vote` (`soft`
    averages probabilities, `hard` counts votes), the scores on `val` and `test`, and `provenance`. The files are
    checkpoints as the objective saved them; `torch.load(path, weights_only=True)` reads them.

    Raises:
        InputError: As `check_bundle`, or the target can't be written.
    """
    ensemble = check_bundle(study, target)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.resolve().parent))
        try:
            content = _content(study, ensemble)
            for place, member in enumerate(ensemble.members, start=1):
                with (
                    (study.folder / member.checkpoint).open("rb") as old,
                    atomic_write(temporary / _file(place)) as new,
                ):
                    shutil.copyfileobj(old, new)
            text = json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
            with atomic_write(temporary / ENSEMBLE_FILE) as file:
                file.write(text.encode())
            temporary.chmod(0o777 & ~_umask())  # mkdtemp gives rights to the owner only
            sync(temporary)
            temporary.rename(target.resolve())
            sync(target.resolve().parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise unwritable(target, error, allowed="a folder that can be") from None


def _file(place: int) -> str:
    """Return the name of a member's checkpoint in the bundle; places count from 1."""
    return f"member-{place}.pt"


def _content(study: Study, ensemble: Ensemble) -> dict[str, Any]:
    best, reading = study.best, study.current_reading
    test = None if reading is None or reading.scores is None else reading.scores.as_dict()
    members = [
        {
            "file": _file(place),
            "weight": member.weight,
            "trial": member.trial,
            "seed": member.seed,
            "params": study.config.space.config_of(study.store.record(Stage.SEARCH, member.trial).params),
        }
        for place, member in enumerate(ensemble.members, start=1)
    ]
    where = {} if best is None else provenance(study, best)
    val = ensemble.val.as_dict()
    return {"members": members, "vote": ensemble.vote, "val": val, "test": test, "provenance": where}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
