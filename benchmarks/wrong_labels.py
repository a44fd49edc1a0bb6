"""What wrong labels do to four losses in two dimensions: accuracy on true labels, and a picture.

    python -m benchmarks.wrong_labels [--seeds N]

A small network learns a disc in a ring, once for each kind of wrong labels, each loss and each seed. Kinds
and temperatures are those of figure 1 of the paper: a fifth of the labels flipped next to the border (small
margin), far from it (large margin), or anywhere; of the nearest or the farthest 40% of the points every other
one. `docs/images/wrong_labels.png` shows what was trained on and what came out with the first seed.

Reference: Amid, Warmuth, Anil, Koren, 2019, arXiv:1906.03361, figure 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks import machine
from benchmarks.record import Figure
from trainer.losses import BinaryBiTempered, tempered_sigmoid

IMAGE = Path(__file__).resolve().parent.parent / "docs" / "images" / "wrong_labels.png"
LOSSES = {
    "logistic (1, 1)": (1.0, 1.0),
    "bounded (0.2, 1)": (0.2, 1.0),
    "heavy tails (1, 4)": (1.0, 4.0),
    "bi-tempered (0.2, 4)": (0.2, 4.0),
}
KINDS = ("none", "small margin", "large margin", "random")
POINTS, SHARE, STEPS = 1200, 0.2, 1500
BORDER, EDGE = 1.0, 1.5
SIZE, GAP, LEFT, TOP = 190, 8, 150, 30
COLOURS = np.array([[178, 74, 0], [32, 84, 196]])
Points = NDArray[np.float32]


def points(seed: int, count: int = POINTS) -> tuple[Points, NDArray[np.bool_]]:
    """Points of a disc, alike many in each unit of its area, and whether they are in the inner one."""
    rng = np.random.default_rng(seed)
    radius, angle = EDGE * np.sqrt(rng.random(count)), 2 * np.pi * rng.random(count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32), radius < BORDER


def flipped(places: Points, labels: NDArray[np.bool_], kind: str, seed: int) -> NDArray[np.bool_]:
    """Labels, a fifth of which are flipped."""
    margin = np.abs(np.linalg.norm(places, axis=1) - BORDER)
    count = round(SHARE * len(labels))
    chosen = {
        "none": margin.argsort()[:0],
        "small margin": margin.argsort()[: 2 * count : 2],
        "large margin": (-margin).argsort()[: 2 * count : 2],
        "random": np.random.default_rng(seed).permutation(len(labels))[:count],
    }[kind]
    found = labels.copy()
    found[chosen] = ~found[chosen]
    return found


def trained(places: Points, labels: NDArray[np.bool_], t1: float, t2: float, seed: int) -> keras.Model:
    """A network of 10 and 20 units that minimises the loss on all points at once."""
    drawn = [keras.initializers.GlorotUniform(seed * 10 + layer) for layer in range(3)]
    layers = [
        keras.layers.Dense(units, activation, kernel_initializer=start)
        for units, activation, start in zip((10, 20, 1), ("tanh", "tanh", None), drawn, strict=True)
    ]
    model = keras.Sequential([keras.Input((2,)), *layers])
    loss, optimizer = BinaryBiTempered(t1, t2), keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    inputs, targets = tf.constant(places), tf.constant(labels[:, None], tf.float32)

    @tf.function(jit_compile=True)
    def step() -> None:
        with tf.GradientTape() as tape:
            value = loss(targets, model(inputs, training=True))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(value, [variable.value for variable in variables]), variables)

    for _ in range(STEPS):
        step()
    return model


def picture(model: keras.Model, t2: float, places: Points, labels: NDArray[np.bool_]) -> Image.Image:
    """Predicted probabilities as a ground, and the points with the labels that were trained on."""
    axis = np.linspace(-EDGE, EDGE, SIZE, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    p = tempered_sigmoid(model(grid), t2).numpy().reshape(SIZE, SIZE, 1)
    ground = 255 - 0.45 * (255 - (COLOURS[0] * (1 - p) + COLOURS[1] * p))
    drawn = Image.fromarray(ground.astype(np.uint8))
    pen = ImageDraw.Draw(drawn)
    for (x, y), label in list(zip(places, labels, strict=True))[:400]:
        at = [(value + EDGE) / (2 * EDGE) * SIZE for value in (x, y)]
        pen.ellipse([at[0] - 2, at[1] - 2, at[0] + 2, at[1] + 2], tuple(int(c) for c in COLOURS[int(label)]))
    return drawn


def main(arguments: Sequence[str] | None = None) -> list[Figure]:
    """Draws and prints; how far the bi-tempered loss is ahead of the logistic one."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args(arguments).seeds
    print(machine.line())
    size = (LEFT + len(KINDS) * (SIZE + GAP), TOP + len(LOSSES) * (SIZE + GAP))
    whole = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(14)
    test, truth = points(10_000, 20_000)
    print(f"accuracy on true labels, %, mean of {seeds} seeds, lowest to highest\n{'':<22}", end="")
    print("".join(f"{kind:>22}" for kind in KINDS))
    for column, kind in enumerate(KINDS):
        pen.text((LEFT + column * (SIZE + GAP) + 4, 6), f"wrong labels: {kind}", "black", font)
    means: dict[tuple[str, str], float] = {}
    for row, (name, (t1, t2)) in enumerate(LOSSES.items()):
        pen.text((8, TOP + row * (SIZE + GAP) + SIZE / 2 - 8), name, "black", font)
        line = f"{name:<22}"
        for column, kind in enumerate(KINDS):
            found = []
            for seed in range(seeds):
                places, right = points(seed)
                labels = flipped(places, right, kind, seed)
                model = trained(places, labels, t1, t2, seed)
                found.append(100 * float(np.mean((model(test).numpy()[:, 0] > 0) == truth)))
                if seed == 0:
                    at = LEFT + column * (SIZE + GAP), TOP + row * (SIZE + GAP)
                    whole.paste(picture(model, t2, places, labels), at)
            means[name, kind] = float(np.mean(found))
            line += f"{means[name, kind]:>9.1f}, {min(found):4.1f} to {max(found):4.1f}".rjust(22)
        print(line, flush=True)
    IMAGE.parent.mkdir(exist_ok=True)
    whole.save(IMAGE, optimize=True)
    first, *_, last = LOSSES
    return [
        Figure(
            f"errors of bi-tempered to logistic, {kind}",
            (100 - means[last, kind]) / (100 - means[first, kind]),
            "times",
            limit=None if kind == "none" else 1.0,
        )
        for kind in KINDS
    ]


if __name__ == "__main__":
    main()
