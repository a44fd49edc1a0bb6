"""Decides whether a model may be pushed; fails closed."""
