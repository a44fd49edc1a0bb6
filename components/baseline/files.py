"""Names of files and directories that other steps read."""

PRIOR = "prior"
"""Directory of the prior of sequence tasks, in the artifact of the baseline and beside it."""

FEATURES = "assets.extra/feature_spec.json"
"""Where a model of sequences keeps its feature specification."""
