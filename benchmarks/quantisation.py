"""What weights in 8 bits save and cost: the pronunciation example, rounded after training and trained for it.

    python -m benchmarks.quantisation [--set KEY=VALUE ...]

Each kind is one run of the pipeline, whose score step lets the int8 model and its float32 copy answer the
eval split, one after the other on the same machine. Sizes are those of the weights and of the whole
SavedModel. The last rows time one product of matrices in the ways that TensorFlow has on a CPU: float32, 8
bits that become float32 first, and its kernel for 8 bits.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.record import Figure

CONFIG = Path(__file__).resolve().parents[1] / "examples" / "pronunciation" / "config.yaml"
KINDS = ("after", "aware")
SHAPES = ((8, 512, 512), (128, 256, 1024))
ROUNDS = 50


def run(kind: str, root: Path, overrides: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Runs the pipeline; what the training and the score step recorded of the quantisation."""
    tandem = str(Path(sys.executable).with_name("tandem"))
    words = [f"model.sequence.quantisation={kind}", *overrides]
    options = [option for word in words for option in ("--set", word)]
    done = subprocess.run(
        [tandem, "run", str(CONFIG), "--root", str(root), *options, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if error := json.loads(done.stdout)["error"]:
        raise SystemExit(f"the run failed: {error}")
    (training,) = root.glob("artifacts/train/model_run/*/training.json")
    (score,) = root.glob("artifacts/score/scores/*/score.json")
    return json.loads(training.read_text())["quantisation"], json.loads(score.read_text())["quantisation"]


def products() -> dict[tuple[int, int, int], list[float]]:
    """Median milliseconds of a product in float32, of int8 made float32 first, and of the 8-bit kernel."""
    import numpy as np
    import tensorflow as tf

    from trainer.quantisation import dequantise, quantise

    found = {}
    for rows, inputs, outputs in SHAPES:
        rng = np.random.default_rng(1)
        given = tf.constant(rng.normal(size=(rows, inputs)), tf.float32)
        weights = tf.Variable(rng.normal(size=(inputs, outputs)).astype(np.float32))
        integers, scales = (tf.Variable(value) for value in quantise(weights, [0]))
        typed, zeros = tf.Variable(tf.bitcast(integers, tf.qint8)), tf.zeros([outputs], tf.int32)
        column = tf.Variable(tf.reshape(scales, [-1]))

        def kernel(x: Any, typed: Any = typed, column: Any = column, zeros: Any = zeros) -> Any:
            return tf.raw_ops.UniformQuantizedDotHybrid(
                lhs=x, rhs=typed, rhs_scales=column, rhs_zero_points=zeros, Tout=tf.float32,
                rhs_quantization_min_val=-127, rhs_quantization_max_val=127, rhs_quantization_axis=1,
            )  # fmt: skip

        ways: list[Callable[[Any], Any]] = [
            lambda x, w=weights: x @ w,
            lambda x, q=integers, s=scales: x @ dequantise(q, s),
            kernel,
        ]
        found[rows, inputs, outputs] = [_median(tf.function(way), given) for way in ways]
    return found


def _median(way: Callable[[Any], Any], given: Any) -> float:
    way(given)
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        way(given)
        taken.append(1e3 * (time.perf_counter() - started))
    return statistics.median(taken)


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the tables; the ratios of sizes, and the changes of the error rates."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for every run")
    given = parser.parse_args(arguments)
    print(machine.line())
    figures = []
    print(
        f"{'quantisation':<14}{'weights MB':>12}{'files MB':>10}{'WER':>9}{'PER':>9}{'words/s':>9}"
        f"{'float32: weights MB':>21}{'files MB':>10}{'WER':>9}{'PER':>9}{'words/s':>9}"
    )
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as directory:
            sizes, scored = run(kind, Path(directory), given.set)
        line = f"{kind:<14}"
        for model, prefix, widths in (("int8", "", (12, 10)), ("float32", "float32_", (21, 10))):
            weights, files = (sizes[f"{prefix}{part}"] / 1e6 for part in ("weights_bytes", "bytes"))
            values = scored[model]
            line += f"{weights:>{widths[0]}.2f}{files:>{widths[1]}.2f}{100 * values['wer']:>9.2f}"
            line += f"{100 * values['per']:>9.2f}{values['sources_per_second']:>9.0f}"
        print(line, flush=True)
        share = sizes["weights_bytes"] / sizes["float32_weights_bytes"]
        change = 100 * (scored["int8"]["wer"] - scored["float32"]["wer"])
        figures += [
            Figure(f"weights in 8 bits to float32, {kind}", share, "times", limit=0.3),
            Figure(f"WER in 8 bits less that in float32, {kind}", change, "points", noise=float("inf")),
        ]
    print(f"\nmedian ms of a product{'float32':>16}{'int8 to float32':>18}{'8-bit kernel':>15}")
    for shape, times in products().items():
        name = " x ".join(map(str, shape))
        print(f"{name:<22}{times[0]:>16.3f}{times[1]:>18.3f}{times[2]:>15.3f}")
        figures.append(
            Figure(f"8-bit kernel to int8 made float32, {name}", times[2] / times[1], "times", "higher")
        )
    return figures


if __name__ == "__main__":
    main()
