"""Tandem on open-source Kubeflow Pipelines v2: compile, check, enter, simulate, deploy, schedule."""
