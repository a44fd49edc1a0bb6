"""Turns of PyTorch's Adam and of the SM3 of pytorch_optimizer on the same tensors.

python -m benchmarks.optimizers.of_pytorch sm3|adam dense|state|COUNT THREADS
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from pytorch_optimizer import SM3

from benchmarks.optimizers.shapes import ROW_WIDTH, ROWS, STEPS, TRANSFORMER, batch, gradients
from benchmarks.training.worker import Turn, serve, use_cores

MADE = {
    "sm3": lambda weights: SM3(weights, lr=0.1, momentum=0.9),
    "sm3-plain": lambda weights: SM3(weights, lr=0.1, momentum=0.0),
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.001, fused=True),
}


def filled(name: str) -> tuple[list[torch.nn.Parameter], torch.optim.Optimizer]:
    """The tensors with their gradients, and the optimizer."""
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in TRANSFORMER]
    for weight, value in zip(weights, gradients(), strict=True):
        weight.grad = torch.from_numpy(value.copy())
    return weights, MADE[name](weights)


def dense(name: str) -> Turn:
    """Steps on every tensor."""
    weights, optimizer = filled(name)

    def turn(_: int) -> float:
        for _ in range(STEPS):
            optimizer.step()
        return float(weights[-1].detach()[0])

    return turn


def rows(name: str, count: int) -> tuple[Turn, Callable[[], None]]:
    """An update of `count` rows, and what draws them."""
    table = torch.nn.Parameter(torch.zeros(ROWS, ROW_WIDTH))
    optimizer = MADE[name]([table])
    drawn: dict[str, Any] = {"number": 0}

    def draw() -> None:
        ids, values = batch(drawn["number"], count)
        drawn["number"] += 1
        table.grad = torch.sparse_coo_tensor(
            torch.from_numpy(ids)[None], torch.from_numpy(values), (ROWS, ROW_WIDTH)
        )

    def turn(_: int) -> float:
        optimizer.step()
        return float(table.detach()[0, 0])

    return turn, draw


def state_bytes(name: str) -> int:
    """Bytes of every tensor in the state after a step."""
    _, optimizer = filled(name)
    optimizer.step()
    held = [value for state in optimizer.state.values() for value in state.values()]
    flat = [part for value in held for part in (value if isinstance(value, list | tuple) else [value])]
    return sum(part.numel() * part.element_size() for part in flat if isinstance(part, torch.Tensor))


if __name__ == "__main__":
    given, kind, threads = sys.argv[1:]
    use_cores(int(threads))
    torch.set_num_threads(int(threads))
    if kind == "state":
        names = {"pytorch_optimizer": "sm3", "pytorch_optimizer, momentum 0": "sm3-plain"}
        print({told: state_bytes(name) for told, name in names.items()})
    elif kind == "dense":
        serve(dense(given))
    else:
        serve(*rows(given, int(kind)))
