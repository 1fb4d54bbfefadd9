"""The search space: distributions, conditions and constraints."""
