"""Replicas as pods of a Kubernetes cluster. Imports nothing heavy until they are asked for."""

from __future__ import annotations

from components.train.group.cluster.here import launcher_here as launcher_here
from components.train.group.cluster.staging import stage as stage
