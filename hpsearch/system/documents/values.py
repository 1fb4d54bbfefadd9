"""Comparing a file's values with those of a config."""

from __future__ import annotations

from typing import Any


def reads_as(found: Any, wanted: Any) -> bool:
    """Whether a file's value equals one of a config, of which 1, 1.0 and true are three.

    It looks no deeper than the config does, because aliases can make a file's value endless.
    """
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, dict):
        return list(found) == list(wanted) and all(reads_as(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(reads_as, found, wanted))
    return repr(found) == repr(wanted)
