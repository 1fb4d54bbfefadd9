"""The best config, written into a training repo."""

from hpsearch.export.write import write_config

__all__ = ["write_config"]
