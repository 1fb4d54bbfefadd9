"""Objectives: what a trial trains."""
