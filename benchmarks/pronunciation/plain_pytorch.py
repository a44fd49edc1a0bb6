"""A plain PyTorch Transformer, trained for a given time.

    python -m benchmarks.pronunciation.plain_pytorch DIRECTORY MINUTES THREADS

Three encoder layers and one decoder layer of width 128, batches of 192 words of similar length, Adam with
warm-up and a cosine that ends with the time, label smoothing 0.1, averaged weights, greedy decoding. Reads
the words that `words.write` wrote to DIRECTORY, and writes `hypotheses.json` and `told.json` there. Imports
nothing of the project's libraries.
"""

from __future__ import annotations

import copy
import json
import math
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from benchmarks.pronunciation.words import Spoken, read
from benchmarks.training.worker import use_cores

DROPOUT = 0.1
BATCH, RATE, WARM_UP_STEPS, SMOOTHING, AVERAGE, CLIP = 192, 1e-3, 500, 0.1, 0.999, 1.0
PADDING, BEGIN, END, FIRST = 0, 1, 2, 3
LONGEST = 32

Pair = tuple[list[int], list[int]]


class Size(NamedTuple):
    """Of a Transformer."""

    width: int = 128
    heads: int = 4
    feed_forward: int = 512
    encoders: int = 3
    decoders: int = 1


SMALL = Size()


class Transformer(nn.Module):
    """Pre-norm encoder and decoder over learned positions.

    Args:
        letters: int. Ids of the source, padding included.
        phones: int. Ids of the target; padding, begin and end included.
        size: of the layers. Defaults to `SMALL`.
    """

    def __init__(self, letters: int, phones: int, size: Size = SMALL) -> None:
        super().__init__()
        width, heads, feed_forward, encoders, decoders = size
        self.source, self.target = nn.Embedding(letters, width), nn.Embedding(phones, width)
        self.places = nn.Embedding(LONGEST + 2, width)
        self.transformer = nn.Transformer(
            width, heads, encoders, decoders, feed_forward, DROPOUT, batch_first=True, norm_first=True
        )
        self.output = nn.Linear(width, phones)

    def _embedded(self, table: nn.Embedding, ids: torch.Tensor) -> torch.Tensor:
        return table(ids) + self.places(torch.arange(ids.shape[1]))

    def encode(self, letters: torch.Tensor) -> torch.Tensor:
        """Memory `(batch, letters, width)`."""
        return self.transformer.encoder(
            self._embedded(self.source, letters), src_key_padding_mask=letters == PADDING
        )

    def decode(self, memory: torch.Tensor, letters: torch.Tensor, phones: torch.Tensor) -> torch.Tensor:
        """Logits `(batch, phones, ids)` of what follows each phone."""
        mask = nn.Transformer.generate_square_subsequent_mask(phones.shape[1])
        embedded = self._embedded(self.target, phones)
        hidden = self.transformer.decoder(
            embedded, memory, tgt_mask=mask, memory_key_padding_mask=letters == PADDING, tgt_is_causal=True
        )
        return self.output(hidden)

    def forward(self, letters: torch.Tensor, phones: torch.Tensor) -> torch.Tensor:
        """Logits from both."""
        return self.decode(self.encode(letters), letters, phones)


def padded(rows: list[list[int]]) -> torch.Tensor:
    """Rows of ids of the same length."""
    longest = max(map(len, rows))
    return torch.tensor([row + [PADDING] * (longest - len(row)) for row in rows])


def batches(pairs: list[Pair], chance: random.Random) -> Iterator[list[Pair]]:
    """All pairs once, those of similar length together, batches in an order drawn anew."""
    order = sorted(pairs, key=lambda pair: (len(pair[0]), len(pair[1]), chance.random()))
    starts = list(range(0, len(order), BATCH))
    chance.shuffle(starts)
    for start in starts:
        yield order[start : start + BATCH]


def rate(step: int, done: float) -> float:
    """Times the highest rate, after `step` steps and a share `done` of the time."""
    return min(1.0, step / WARM_UP_STEPS) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def train(model: Transformer, pairs: list[Pair], seconds: float) -> tuple[Transformer, int, int]:
    """Trains for so long; averaged weights, steps, and tokens of both sides without padding."""
    optimizer = torch.optim.Adam(model.parameters(), RATE, betas=(0.9, 0.98), eps=1e-9)
    loss_of = nn.CrossEntropyLoss(ignore_index=PADDING, label_smoothing=SMOOTHING)
    average, chance = copy.deepcopy(model), random.Random(1)
    started, step, tokens = time.perf_counter(), 0, 0
    while True:
        for batch in batches(pairs, chance):
            done = (time.perf_counter() - started) / seconds
            if done >= 1:
                return average.eval(), step, tokens
            step += 1
            for group in optimizer.param_groups:
                group["lr"] = RATE * rate(step, done)
            letters = padded([pair[0] for pair in batch])
            given = padded([[BEGIN, *pair[1]] for pair in batch])
            wanted = padded([[*pair[1], END] for pair in batch])
            loss = loss_of(model(letters, given).flatten(0, 1), wanted.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            keep = min(AVERAGE, step / (step + 10))
            with torch.no_grad():
                for mean, value in zip(average.parameters(), model.parameters(), strict=True):
                    mean.lerp_(value, 1 - keep)
            tokens += int((letters != PADDING).sum() + (wanted != PADDING).sum())


@torch.no_grad()
def greedy(model: Transformer, letters: torch.Tensor) -> torch.Tensor:
    """The likeliest phone at each place, until the end; `(batch, at most LONGEST)`."""
    memory = model.encode(letters)
    told = torch.full((len(letters), 1), BEGIN)
    for _ in range(LONGEST):
        following = model.decode(memory, letters, told)[:, -1].argmax(-1)
        ended = (told == END).any(1) | (told == PADDING).any(1)
        told = torch.cat([told, following.masked_fill(ended, PADDING)[:, None]], 1)
        if bool((told == END).any(1).all()):
            break
    return told[:, 1:]


def main(arguments: list[str]) -> None:
    """Trains, pronounces the words of `eval`, and writes what it found."""
    directory, minutes, threads = Path(arguments[0]), float(arguments[1]), int(arguments[2])
    use_cores(threads)
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    parts: dict[str, Spoken] = read(directory)
    letters = sorted({letter for word in parts["train"] for letter in word})
    phones = sorted(
        {phone for listed in parts["train"].values() for text in listed for phone in text.split()}
    )
    letter_id = {letter: index for index, letter in enumerate(letters, 1)}
    phone_id = {phone: index for index, phone in enumerate(phones, FIRST)}
    pairs = [
        ([letter_id[letter] for letter in word], [phone_id[phone] for phone in text.split()])
        for word, listed in parts["train"].items()
        for text in listed
        if len(word) <= LONGEST and len(text.split()) <= LONGEST
    ]
    started, cpu = time.perf_counter(), time.process_time()
    model = Transformer(len(letters) + 1, len(phones) + FIRST)
    average, steps, tokens = train(model, pairs, 60 * minutes)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    told = {}
    asked = sorted(parts["eval"], key=len)
    for at in range(0, len(asked), 512):
        part = asked[at : at + 512]
        ids = greedy(average, padded([[letter_id[letter] for letter in word][:LONGEST] for word in part]))
        for word, row in zip(part, ids.tolist(), strict=True):
            told[word] = " ".join(phones[index - FIRST] for index in row if index >= FIRST)
    (directory / "hypotheses.json").write_text(json.dumps(told))
    parameters = sum(value.numel() for value in model.parameters())
    found = {"parameters": parameters, "steps": steps, "tokens_per_second": tokens / seconds}
    found |= {"seconds": seconds, "cpu_seconds": cpu_seconds, "torch": torch.__version__}
    (directory / "told.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
