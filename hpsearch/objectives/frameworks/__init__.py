"""Objectives that other frameworks shape: Lightning, Hugging Face, Optuna and Ray Tune."""
