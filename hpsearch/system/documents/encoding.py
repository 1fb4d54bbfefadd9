"""A file's bytes as text."""

from __future__ import annotations

import io
import tokenize

from hpsearch.errors import InputError
from hpsearch.system.documents.open import MergeFormat


def decoded(content: bytes, file: str, file_format: MergeFormat) -> tuple[str, str]:
    """Return a file's text and its encoding: UTF-8, or for a Python file the one that a comment in it names.

    Raises:
        InputError: It has another encoding.
    """
    encoding = "utf-8"
    try:
        if file_format == "python-assign":
            encoding = tokenize.detect_encoding(io.BytesIO(content).readline)[0].removesuffix("-sig")
        return content.decode(encoding), encoding
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not UTF-8 at byte {error.start}; allowed: text in UTF-8") from None
    except (SyntaxError, LookupError) as error:
        raise InputError(f"{file}: {error}; allowed: text in UTF-8, or in the encoding that it names") from None
