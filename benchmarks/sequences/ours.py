"""The project's model and training step.

    python -m benchmarks.sequences.ours DIRECTORY SIZE KIND THREADS

SIZE is that of a Transformer; KIND is `transformer`, `xla` for the same compiled with XLA, or `lstm`: a
bidirectional encoder and a decoder with attention, half as wide as the Transformer's feed-forward layers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf

from benchmarks.sequences.blocks import CLIP, DROPOUT, RATE, SIZES, SMOOTHING, read
from benchmarks.training.worker import Turn, serve, use_cores
from trainer.data.sequence import SequenceBatch
from trainer.distribution import choose_strategy
from trainer.loop.averaging import WeightAverage
from trainer.loop.sequence.auxiliary import Auxiliary
from trainer.loop.sequence.objective import SequenceObjective
from trainer.loop.sequence.stepper import SequenceStepper
from trainer.models.sequence import SequenceModel, build_sequence_model
from trainer.optimizers import build_sequence_optimizer
from trainer.spec import (
    AuxiliarySpec,
    SequenceFeatureSpec,
    SequenceModelSpec,
    SequenceTrainSpec,
    StackSpec,
)

STEPS = 1_000_000  # of the schedule: no rate may reach 0 while there are turns
PLAN = SequenceTrainSpec(learning_rate=RATE, schedule="constant", warm_up=0.0, clip_norm=CLIP)


def layers(size: str, kind: str) -> SequenceModelSpec:
    """The layers of a kind in the size of a Transformer."""
    width, heads, feed_forward, encoders, decoders = SIZES[size]
    if kind == "lstm":
        stack = StackSpec("lstm", 1, feed_forward // 2, heads, feed_forward)
        return SequenceModelSpec(width, stack, stack, dropout=DROPOUT)
    encoder, decoder = (
        StackSpec("transformer", count, width, heads, feed_forward) for count in (encoders, decoders)
    )
    return SequenceModelSpec(width, encoder, decoder, dropout=DROPOUT)


def stepper(
    features: SequenceFeatureSpec,
    spec: SequenceModelSpec,
    plan: SequenceTrainSpec = PLAN,
    steps: int = STEPS,
    compiled: bool = False,
) -> tuple[SequenceModel, SequenceStepper]:
    """A new model and what takes its steps."""
    strategy = choose_strategy("cpu")
    with strategy.scope():
        model = build_sequence_model(features, spec, 1)
        optimizer = build_sequence_optimizer(model, plan, steps)
        average = WeightAverage(model.trainable_variables, 0.0)
    objective, second = SequenceObjective(SMOOTHING), Auxiliary(AuxiliarySpec(), steps)
    return model, SequenceStepper(strategy, model, optimizer, average, objective, second, compiled)


def turns(directory: Path, size: str, kind: str) -> Turn:
    """Takes the steps of a block; its mean loss and the parameters."""
    settings, blocks = read(directory)
    features = SequenceFeatureSpec.from_json(settings["features"])
    model, steps = stepper(features, layers(size, kind), compiled=kind == "xla")
    parameters = sum(int(tf.size(variable)) for variable in model.trainable_variables)

    def turn(number: int) -> dict[str, float]:
        block = blocks[number % len(blocks)]
        losses = [
            float(steps.train(SequenceBatch(0, batch, len(batch["weight"]), 0))[1][0]) for batch in block
        ]
        return {"loss": sum(losses) / len(losses), "parameters": parameters}

    return turn


def main(arguments: list[str]) -> None:
    """Takes turns."""
    directory, size, kind, threads = arguments
    use_cores(int(threads))
    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    serve(turns(Path(directory), size, kind))


if __name__ == "__main__":
    main(sys.argv[1:])
