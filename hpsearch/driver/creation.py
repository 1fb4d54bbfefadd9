"""What a study's store holds from the start: all that its course depends on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hpsearch.config.config import StudyConfig
from hpsearch.driver.warm_start import EarlierTrials
from hpsearch.samplers.rounds import first_round
from hpsearch.system.git import CodeState
from hpsearch.system.versions import versions


def study_attributes(config: StudyConfig, path: Path, earlier: EarlierTrials, code: CodeState | None) -> dict[str, Any]:
    """Return the attributes of a new study, as JSON types.

    Args:
        path: The space file.
        earlier: What the study starts from.
        code: The state of the repository that the objective lies in; None if it lies in none.
    """
    attributes: dict[str, Any] = {
        "space": dict(config.raw),
        "space_file": path.name,
        "module_folder": str(path.parent.resolve()),
        "space_hash": config.hash,
        "rounds": [first_round(config).as_dict()],
        "trials": config.search.total,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        **earlier.attributes(),
    }
    return attributes if code is None else attributes | {"code": code.as_dict()}
