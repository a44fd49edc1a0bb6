"""Switches a KServe InferenceService to a release, and takes it back if that does not get ready."""
