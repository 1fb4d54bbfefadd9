"""What the sections of a space file have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from hpsearch.config.errors import field_error
from hpsearch.text import FieldPath


class Section(BaseModel):
    """A part of the file: strict types, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def _share(text: str) -> str:
    number = text.removesuffix("%").strip()
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if not text.endswith("%") or not 0 < share <= 100:  # noqa: PLR2004 - percent
        msg = f"{text!r} is not a share from 0% (excluded) to 100%"
        raise ValueError(msg)
    return text


Share = Annotated[str, AfterValidator(_share), Field(description="a share of the epochs up to 100%, such as 25%")]


MODULE_AND_NAME = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
Named = Annotated[str, Field(pattern=MODULE_AND_NAME, description="package.module:name of something to import")]
"""A field of a space file that names something to import."""


SectionT = TypeVar("SectionT", bound=Section)


def validated(model: type[SectionT], raw: Mapping[str, Any], path: FieldPath) -> SectionT:
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
