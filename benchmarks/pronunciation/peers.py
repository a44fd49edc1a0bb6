"""The points of the peers, from their own environment."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks import machine, record
from benchmarks.pronunciation import phonetisaurus, points, words
from benchmarks.pronunciation.points import Point
from benchmarks.pronunciation.scoring import score
from benchmarks.training.tables import PEERS_PYTHON
from benchmarks.training.worker import ROOT


def of_phonetisaurus() -> Point:
    """Phonetisaurus with 8-grams, trained and asked here."""
    begun, parts = record.begin(), words.parts()
    told, seconds, cpu_seconds = phonetisaurus.hypotheses(parts["train"], list(parts["eval"]))
    facts = {"machine": machine.facts(), "commit": begun.commit, "started": begun.started}
    facts["first_pronunciation_only"] = vars(score(told, parts["eval"], first_only=True))
    return Point(points.PHONETISAURUS, score(told, parts["eval"]), seconds, cpu_seconds, facts=facts)


def of_pytorch(minutes: float, threads: int) -> Point:
    """The plain PyTorch Transformer after so many minutes of training on so many threads.

    Raises:
        SystemExit: if PyTorch is not installed, or the training fails.
    """
    if not PEERS_PYTHON.exists():
        raise SystemExit("PyTorch is not installed: `make peers` installs it.")
    begun = record.begin()
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        words.write(directory)
        module = "benchmarks.pronunciation.plain_pytorch"
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        command = [str(PEERS_PYTHON), "-W", "ignore", "-m", module, scratch, str(minutes), str(threads)]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **limits}, check=False)
        if done.returncode:
            raise SystemExit(f"the training in PyTorch ended with status {done.returncode}")
        hypotheses = json.loads((directory / "hypotheses.json").read_text())
        told = json.loads((directory / "told.json").read_text())
    parts = words.parts()
    facts = {"machine": machine.facts(), "commit": begun.commit, "started": begun.started, "threads": threads}
    facts |= {name: told[name] for name in ("steps", "tokens_per_second", "torch")}
    return Point(
        f"{points.PYTORCH}, {minutes:g} min",
        score(hypotheses, parts["eval"]),
        told["seconds"],
        told["cpu_seconds"],
        told["parameters"],
        facts=facts,
    )
