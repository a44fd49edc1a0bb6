"""A thin client of the Kubeflow Pipelines API: transport, authentication, and what Tandem asks of it."""
