"""YAML, JSON, TOML and Python files, read and edited. An edit sets values in the text; all else stays byte for byte."""

from hpsearch.system.documents.candidates import candidates
from hpsearch.system.documents.document import TOP, Document
from hpsearch.system.documents.merge import Merged, merge
from hpsearch.system.documents.open import MergeFormat, open_document
from hpsearch.system.documents.places import Placing, place
from hpsearch.system.documents.reading import FILE_FORMATS, SUFFIXES, FileFormat

__all__ = [
    "FILE_FORMATS",
    "SUFFIXES",
    "TOP",
    "Document",
    "FileFormat",
    "MergeFormat",
    "Merged",
    "Placing",
    "candidates",
    "merge",
    "open_document",
    "place",
]
