"""A first space file from a training script or its config; nothing of the script is run or imported."""

from hpsearch.drafting.from_script.first_file import plan_space

__all__ = ["plan_space"]
