"""The section `train.codistillation`: a group of replicas that teach each other."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.base import Fraction, Section


class Launch(Section):
    """How the replicas of a group are started and watched; a change here leaves a cached training valid."""

    directory: str | None = Field(
        default=None,
        description="Where the replicas exchange weights and keep their checkpoints: an absolute path that "
        "every replica sees, or `gs://` for the exchange alone; when not set, beside the checkpoints.",
    )
    restarts: int = Field(
        default=3, ge=0, le=100, description="Most restarts of each replica, each from its own checkpoint."
    )
    stall_seconds: float = Field(
        default=600.0,
        gt=0,
        description="A replica that makes no step for so long is stopped and started again; longer than its "
        "start, an evaluation or the export may take.",
    )
    patience: float = Field(
        default=0.5,
        ge=0,
        description="Once a replica has finished, the others may take this share of its time more; then they "
        "are stopped.",
    )


class Codistillation(Section):
    """Codistillation (Anil et al. 2018): replicas trained at the same time, each also on the others' answers.

    After a burn-in each replica adds `weight` times the distance between its own answers and the mean of the
    others', which it computes with weights that they published earlier. None waits for another. The model is
    that of the replica whose exported weights have the least validation loss.
    """

    replicas: int = Field(default=2, ge=2, le=16, description="Replicas that are trained.")
    weight: float = Field(default=1.0, gt=0, description="Weight of the distance, once it has risen.")
    burn_in: Fraction = Field(
        default=0.1, description="Share of the planned steps before the replicas teach each other."
    )
    ramp: Fraction = Field(
        default=0.1,
        description="Share of the planned steps after the burn-in in which the weight rises from 0.",
    )
    exchange_every_steps: int | None = Field(
        default=None,
        ge=1,
        description="Steps between two publications of a replica's weights; when not set, a hundredth of the "
        "planned steps, 250 at most.",
    )
    max_staleness_steps: int = Field(
        default=5000,
        ge=1,
        description="Weights of a peer that are more than so many steps behind the replica teach no more; at "
        "least `exchange_every_steps`.",
    )
    shared_data: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of the training rows that every replica sees, each in an order of its own; the "
        "rest is divided among them. An epoch of a replica has as many steps as without.",
    )
    transfer: Literal["float32", "float16", "bfloat16"] = Field(
        default="float32", description="Type of the weights that are exchanged; the training keeps its own."
    )
    launch: Launch = Field(default=Launch(), description="How the replicas are started and watched.")
