"""A space file for the search space of another tool: a W&B sweep, an NNI search space or Ray Tune's `param_space`."""

from hpsearch.drafting.from_tuners.imported_file import plan_import

__all__ = ["plan_import"]
