"""Opening a text as the document of its format."""

from __future__ import annotations

from typing import Literal

from hpsearch.errors import InputError
from hpsearch.system.documents.document import Document
from hpsearch.system.documents.json_document import JsonDocument
from hpsearch.system.documents.python_document import PythonDocument
from hpsearch.system.documents.reading import FileFormat
from hpsearch.system.documents.toml_document import TomlDocument
from hpsearch.system.documents.yaml_document import YamlDocument

MergeFormat = FileFormat | Literal["python-assign"]

_DOCUMENTS: dict[MergeFormat, type[Document]] = {
    "yaml": YamlDocument,
    "json": JsonDocument,
    "toml": TomlDocument,
    "python-assign": PythonDocument,
}


def open_document(text: str, file: str, file_format: MergeFormat) -> Document:
    """Return the document of a text.

    Args:
        text: The text of the file.
        file: The file's name, for messages.
        file_format: The format of the text.

    Raises:
        InputError: The text does not have that format.
    """
    try:
        return _DOCUMENTS[file_format](text, file)
    except RecursionError:
        raise InputError(f"{file}: is nested too deeply; allowed: some hundred levels") from None
