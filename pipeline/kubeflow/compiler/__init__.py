"""From a config to a file that open-source Kubeflow Pipelines v2 runs."""
