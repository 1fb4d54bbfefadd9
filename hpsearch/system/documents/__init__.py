"""YAML, JSON and TOML files, read and edited. An edit sets values in the text; all else stays byte for byte."""

from hpsearch.system.documents.merge import TOP, Document, merge
from hpsearch.system.documents.open import open_document
from hpsearch.system.documents.reading import FILE_FORMATS, SUFFIXES, FileFormat

__all__ = ["FILE_FORMATS", "SUFFIXES", "TOP", "Document", "FileFormat", "merge", "open_document"]
