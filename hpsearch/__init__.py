"""hpsearch: from a search space to a model you can ship.

The names below are the whole public surface. Each is imported when it is first used, so that importing the package is
quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpsearch.api import resume, run
    from hpsearch.errors import HpsearchError, InputError, Interrupted, StudyError, TrialStopped
    from hpsearch.executors.resources import ResourceRequest
    from hpsearch.study.study import Study, list_studies, load_study

__all__ = [
    "HpsearchError",
    "InputError",
    "Interrupted",
    "ResourceRequest",
    "Study",
    "StudyError",
    "TrialStopped",
    "list_studies",
    "load_study",
    "resume",
    "run",
]

_HOMES = {
    "HpsearchError": "errors",
    "InputError": "errors",
    "Interrupted": "errors",
    "StudyError": "errors",
    "TrialStopped": "errors",
    "ResourceRequest": "executors.resources",
    "Study": "study.study",
    "list_studies": "study.study",
    "load_study": "study.study",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'hpsearch' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"hpsearch.{_HOMES.get(name, 'api')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
