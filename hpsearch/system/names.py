"""Names of studies, which are names of folders too."""

from __future__ import annotations

import re

MOST_CHARACTERS = 100
STUDY_NAME = rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{MOST_CHARACTERS - 1}}}$"
ALLOWED_NAME = f"letters, digits, '.', '_' and '-', a letter or digit first, {MOST_CHARACTERS} at most"
_LONGEST_MADE = 80  # characters of a name that is made; room for a number behind it


def is_study_name(text: str) -> bool:
    """Return whether a text can be a study's name."""
    return re.fullmatch(STUDY_NAME, text) is not None


def study_name(*texts: str) -> str:
    """Return the first text that can be made a study's name, as one; `study` if none can."""
    made = (re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:_LONGEST_MADE] for text in texts)
    return next(filter(None, made), "study")
