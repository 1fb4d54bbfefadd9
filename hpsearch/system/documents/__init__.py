"""Values merged into YAML, JSON and TOML files by editing their text: what is not set stays byte for byte."""

from hpsearch.system.documents.merge import TOP, Document, merge
from hpsearch.system.documents.open import open_document
from hpsearch.system.documents.reading import FILE_FORMATS, SUFFIXES, FileFormat

__all__ = ["FILE_FORMATS", "SUFFIXES", "TOP", "Document", "FileFormat", "merge", "open_document"]
