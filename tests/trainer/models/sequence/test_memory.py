"""What a decoder makes of the sources once, at sizes and settings that kernels took badly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import trainer

ENCODES = """
import numpy as np
import tensorflow as tf

from trainer.models.sequence import build_sequence_model
from trainer.spec.sequence import SequenceFeatureSpec, SequenceModelSpec, StackSpec, UnitsSpec

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
units = UnitsSpec("text", "tokens", tuple("abcdefghijklmnopqrstuvwxyz"), 22)
stack = StackSpec("lstm", 2, 160, 1)
made = build_sequence_model(
    SequenceFeatureSpec("seq2seq", units, units), SequenceModelSpec(128, stack, stack), 1
)
signature = [tf.TensorSpec([None, None], tf.int32)]
encode = tf.function(lambda ids: made.encode(ids), input_signature=signature, autograph=False)
rng = np.random.default_rng(1)
for longest in (22, 7, 13, 22):
    ids = rng.integers(4, 30, (256, longest))
    ids[np.arange(longest) >= rng.integers(1, longest + 1, (256, 1))] = 0
    memory = encode(tf.constant(ids, tf.int32))
kernels = [made.decoder.layers[1].kernel, made.decoder.readout.kernel]
later = np.concatenate([kernel.numpy()[160:] for kernel in kernels], 1)
expected = memory["values"].numpy()[:, 0] @ later
np.testing.assert_allclose(memory["shares"].numpy(), expected, atol=1e-4)
"""


def test_the_shares_of_many_sources_are_made_with_the_kernels_of_onednn() -> None:
    # In a process of its own: what these kernels did wrong was to end it.
    child = subprocess.run(
        [sys.executable, "-c", ENCODES],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(trainer.__file__).parents[1]),
            "TF_ENABLE_ONEDNN_OPTS": "1",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        check=False,
        timeout=120,
        text=True,
    )
    assert child.returncode == 0, child.stderr[-2000:]
