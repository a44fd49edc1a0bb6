"""Periodic retraining: declared in the config, kept equal on the cluster, checked for what went wrong."""
