"""A first space file for a training script or its config. The script is read, never run or imported."""

from hpsearch.drafting.from_script.first_file import plan_space

__all__ = ["plan_space"]
