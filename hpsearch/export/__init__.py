"""The best config, written into a training repo."""

from hpsearch.export.frozen import load_frozen_trial
from hpsearch.export.write import plan_export, write_config

__all__ = ["load_frozen_trial", "plan_export", "write_config"]
