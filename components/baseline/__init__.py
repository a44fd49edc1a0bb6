"""Finds the model to compare with: the newest blessed version, or a constant prediction."""
