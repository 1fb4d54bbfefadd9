"""Values merged into YAML, JSON and TOML files by editing their text: what is not set stays byte for byte."""

from hpsearch.system.documents.merge import TOP, Document, merge
from hpsearch.system.documents.open import FILE_FORMATS, SUFFIXES, FileFormat, open_document

__all__ = ["FILE_FORMATS", "SUFFIXES", "TOP", "Document", "FileFormat", "merge", "open_document"]
