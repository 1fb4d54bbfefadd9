"""A first space file from a training script or its config; nothing of the script is run or imported."""

from hpsearch.drafting.from_script.plan import SpacePlan, plan_space

__all__ = ["SpacePlan", "plan_space"]
