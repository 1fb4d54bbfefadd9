"""Export: the best config into a training repo, and the ensemble into a folder."""

from hpsearch.export.frozen import load_frozen_trial
from hpsearch.export.write import plan_export

__all__ = ["load_frozen_trial", "plan_export"]
