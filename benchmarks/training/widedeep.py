"""pytorch-widedeep's Wide & Deep of the same shape.

    python -m benchmarks.training.widedeep DIRECTORY LOOP THREADS

LOOP is `step`, the library's own training step on tensors that are there before the clock starts, or `fit`,
the whole of its `Trainer.fit` on arrays. Its gradients are dense. It has no linear model beside the joint one
and no schedule of rates here, so it does less for each example, and its loss is that of one model.
"""

from __future__ import annotations

import sys
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch

from benchmarks.training.worker import Turn, read, serve, use_cores

try:
    import torchvision  # noqa: F401
except RuntimeError:
    # The build for GPUs cannot load its operators beside a PyTorch without: nothing here calls them.
    _library = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from pytorch_widedeep.models import TabMlp, Wide, WideDeep
from pytorch_widedeep.training import Trainer


def turns(directory: Path, loop: str) -> Turn:
    """Turns over the batches of `directory`."""
    settings, blocks = read(directory)
    features, spec = settings["features"], settings["model"]
    sizes = [column["size"] for column in features["wide"]]
    # Rows of a table are counted from 1.
    starts = np.array(list(accumulate(sizes, initial=1))[:-1])
    deep = [f"c{index}" for index in range(len(features["deep"]))]
    dense = [f"n{index}" for index in range(len(features["dense"]))]
    model = WideDeep(
        wide=Wide(input_dim=sum(sizes), pred_dim=1),
        deeptabular=TabMlp(
            column_idx={name: index for index, name in enumerate([*deep, *dense])},
            cat_embed_input=[
                (name, column["size"], column["dim"])
                for name, column in zip(deep, features["deep"], strict=True)
            ],
            cat_embed_dropout=0.0,
            continuous_cols=dense,
            mlp_hidden_dims=spec["deep"]["hidden"],
            mlp_dropout=spec["deep"]["dropout"],
        ),
    )
    optimizers = {
        name: torch.optim.Adagrad(
            part.parameters(),
            lr=spec[told]["learning_rate"],
            initial_accumulator_value=spec[told]["initial_accumulator"],
        )
        for name, told, part in (("wide", "wide", model.wide), ("deeptabular", "deep", model.deeptabular))
    }
    trainer = Trainer(model, objective="binary", optimizers=optimizers, verbose=0)
    held = [
        (
            (block["wide_ids"] + starts).astype(np.int64),
            np.concatenate([block["deep_ids"] + 1, block["dense"]], 2).astype(np.float32),
            block["label"],
        )
        for block in blocks
    ]
    batch = held[0][2].shape[1]

    def fit(number: int) -> float:
        wide, numbers, label = (part.reshape(-1, *part.shape[2:]) for part in held[number % len(held)])
        trainer.fit(X_wide=wide, X_tab=numbers, target=label, n_epochs=1, batch_size=batch, shuffle=False)
        return float(trainer.history["train_loss"][-1])

    tensors = [[tuple(map(torch.from_numpy, step)) for step in zip(*block, strict=True)] for block in held]

    def step(number: int) -> float:
        trainer.train_running_loss = 0.0
        for index, (wide, numbers, label) in enumerate(tensors[number % len(tensors)]):
            _, loss = trainer._train_step({"wide": wide, "deeptabular": numbers}, label, index)
        return float(loss)

    return fit if loop == "fit" else step


def main(arguments: list[str]) -> None:
    """Takes turns."""
    threads = int(arguments[2])
    use_cores(threads)
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    serve(turns(Path(arguments[0]), arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
