"""Brings a pushed version to where a model server of the cluster reads it."""
