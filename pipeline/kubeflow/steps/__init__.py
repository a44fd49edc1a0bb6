"""Steps that only a run on Kubeflow has: `begin`, `report`, `finish`."""
