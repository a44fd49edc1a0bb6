"""From a config or a compiled file to a run on Kubeflow Pipelines, watched to its end."""
