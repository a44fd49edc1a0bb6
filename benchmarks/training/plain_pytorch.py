"""A plain PyTorch Wide & Deep of the same shape.

    python -m benchmarks.training.plain_pytorch DIRECTORY GRADIENTS THREADS

`EmbeddingBag` and `Embedding`, tables joined by width as in the project's model, AdaGrad for everything, as
PyTorch has no FTRL. GRADIENTS of the tables are `sparse`, whose cost does not grow with the tables, or
`dense`, which PyTorch's fused AdaGrad takes. Batches are tensors with 64-bit ids before the clock starts.
"""

from __future__ import annotations

import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.training.worker import Turn, read, serve, use_cores

Json = dict[str, Any]


def offsets(columns: list[Json]) -> torch.Tensor:
    """First row of each column in a table of all of them."""
    return torch.tensor([0, *accumulate(column["size"] for column in columns)][:-1])


class WideDeep(nn.Module):
    """Two logits: `wide + deep + bias`, and the linear model beside it."""

    def __init__(self, features: Json, model: Json, bias: float, sparse: bool) -> None:
        super().__init__()
        wide, deep = features["wide"], features["deep"]
        rows = sum(column["size"] for column in wide)
        self.register_buffer("wide_offsets", offsets(wide))
        self.wide, self.linear = (nn.EmbeddingBag(rows, 1, mode="sum", sparse=sparse) for _ in range(2))
        for table in (self.wide, self.linear):
            nn.init.zeros_(table.weight)
        self.tables = nn.ModuleList()
        self.members: list[torch.Tensor] = []
        self.starts: list[torch.Tensor] = []
        for width in sorted({column["dim"] for column in deep}):
            member = [index for index, column in enumerate(deep) if column["dim"] == width]
            table = nn.Embedding(sum(deep[index]["size"] for index in member), width, sparse=sparse)
            nn.init.uniform_(table.weight, -0.05, 0.05)
            self.tables.append(table)
            self.members.append(torch.tensor(member))
            self.starts.append(offsets([deep[index] for index in member]))
        size = sum(column["dim"] for column in deep) + len(features["dense"])
        layers: list[nn.Module] = []
        for units in model["deep"]["hidden"]:
            layers += [nn.Linear(size, units), nn.ReLU(inplace=True), nn.Dropout(model["deep"]["dropout"])]
            nn.init.kaiming_normal_(layers[-3].weight, nonlinearity="relu")
            size = units
        self.hidden = nn.Sequential(*layers, nn.Linear(size, 1, bias=False))
        self.biases = nn.Parameter(torch.full((2,), bias))

    def forward(self, wide_ids: torch.Tensor, deep_ids: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
        """Logits `(batch, 2)`."""
        ids = wide_ids + self.wide_offsets
        parts = [
            table(deep_ids[:, member] + start).flatten(1)
            for table, member, start in zip(self.tables, self.members, self.starts, strict=True)
        ]
        joint = self.wide(ids) + self.hidden(torch.cat([*parts, dense], 1))
        return torch.cat([joint, self.linear(ids)], 1) + self.biases


def turns(directory: Path, gradients: str) -> Turn:
    """Turns over the batches of `directory`."""
    settings, blocks = read(directory)
    spec = settings["model"]
    sparse = gradients == "sparse"
    model = WideDeep(settings["features"], spec, settings["bias"][0], sparse)
    start = {
        part: {
            "lr": spec[part]["learning_rate"],
            "initial_accumulator_value": spec[part]["initial_accumulator"],
        }
        for part in ("wide", "linear", "deep")
    }
    dense = [*model.hidden.parameters(), model.biases]
    groups: list[Json] = [
        {"params": [model.wide.weight], **start["wide"]},
        {"params": [model.linear.weight], **start["linear"]},
        {"params": [*model.tables.parameters()], **start["deep"]},
    ]
    if sparse:
        optimizers = [torch.optim.Adagrad(groups), torch.optim.Adagrad(dense, **start["deep"], fused=True)]
    else:
        groups[-1]["params"] += dense
        optimizers = [torch.optim.Adagrad(groups, fused=True)]
    steps = settings["steps"]
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) for optimizer in optimizers]
    loss_of = nn.BCEWithLogitsLoss(reduction="none")
    held = [
        [
            tuple(torch.from_numpy(block[name][step]).long() for name in ("wide_ids", "deep_ids"))
            + tuple(torch.from_numpy(block[name][step]) for name in ("dense", "label"))
            for step in range(len(block["label"]))
        ]
        for block in blocks
    ]

    def turn(number: int) -> float:
        total = torch.zeros(())
        for wide_ids, deep_ids, numbers, label in held[number % len(held)]:
            logits = model(wide_ids, deep_ids, numbers)
            loss = loss_of(logits, label[:, None].expand(-1, 2)).mean(0).sum()
            loss.backward()
            for optimizer, schedule in zip(optimizers, schedules, strict=True):
                optimizer.step()
                schedule.step()
                optimizer.zero_grad(set_to_none=True)
            total += loss.detach()
        return float(total) / len(held[0])

    return turn


def main(arguments: list[str]) -> None:
    """Takes turns."""
    threads = int(arguments[2])
    use_cores(threads)
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    serve(turns(Path(arguments[0]), arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
