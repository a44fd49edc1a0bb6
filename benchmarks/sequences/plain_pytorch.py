"""A plain PyTorch Transformer of the same size, from PyTorch's own layers.

    python -m benchmarks.sequences.plain_pytorch DIRECTORY SIZE THREADS

Adam is PyTorch's fused one. Batches are tensors before the clock starts, without the rows of padding, on
which PyTorch's attention is not a number.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

from benchmarks.pronunciation.plain_pytorch import Size, Transformer
from benchmarks.sequences.blocks import CLIP, PADDING, RATE, SIZES, SMOOTHING, Batch, forced, read
from benchmarks.training.worker import Turn, serve, use_cores


def tensors(batch: Batch) -> list[torch.Tensor]:
    """Sources, what the decoder is given, and what it is asked for."""
    kept = {name: values[batch["weight"] > 0] for name, values in batch.items()}
    sides = (kept["source_ids"], *forced(kept["target_ids"]))
    return [torch.from_numpy(ids).long() for ids in sides]


def turns(directory: Path, size: str) -> Turn:
    """Takes the steps of a block; its mean loss and the parameters."""
    settings, blocks = read(directory)
    letters, phones = (4 + len(settings["features"][side]["units"]) for side in ("source", "target"))
    model = Transformer(letters, phones, Size(*SIZES[size]))
    optimizer = torch.optim.Adam(model.parameters(), RATE, betas=(0.9, 0.98), fused=True)
    loss_of = nn.CrossEntropyLoss(ignore_index=PADDING, label_smoothing=SMOOTHING)
    held = [[tensors(batch) for batch in block] for block in blocks]
    parameters = sum(value.numel() for value in model.parameters())

    def turn(number: int) -> dict[str, float]:
        total = 0.0
        for letters, given, asked in held[number % len(held)]:
            loss = loss_of(model(letters, given).flatten(0, 1), asked.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            total += float(loss.detach())
        return {"loss": total / len(held[number % len(held)]), "parameters": parameters}

    return turn


def main(arguments: list[str]) -> None:
    """Takes turns."""
    directory, size, threads = arguments
    use_cores(int(threads))
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    serve(turns(Path(directory), size))


if __name__ == "__main__":
    main(sys.argv[1:])
