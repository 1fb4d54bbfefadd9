"""What the sections of a space file have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hpsearch.config_errors import field_error
from hpsearch.wording import Path


class Section(BaseModel):
    """A part of the file: strict types, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


SectionT = TypeVar("SectionT", bound=Section)


def validated(model: type[SectionT], raw: Mapping[str, Any], path: Path) -> SectionT:
    """Return a section.

    Args:
        raw: Its content.
        path: Where in the file it stands.

    Raises:
        FieldError: The first thing that is wrong.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise field_error(model, raw, error, path) from None
