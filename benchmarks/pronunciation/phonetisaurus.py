"""Phonetisaurus: letters and phones aligned, then an n-gram model of the pairs, by its own programs."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.pronunciation.words import Spoken
from benchmarks.training.tables import PEERS_PYTHON

ORDER = 8
ALIGNMENT = ("--seq1_del=false", "--seq2_del=true", "--seq1_max=2", "--seq2_max=2", "--grow=false")


def hypotheses(train: Spoken, words: list[str]) -> tuple[dict[str, str], float, float]:
    """Trains on `train` and pronounces `words`: phones by word, wall seconds and CPU seconds of all of it.

    Raises:
        SystemExit: if the programs are not installed, or one of them fails.
    """
    if not PEERS_PYTHON.with_name("phonetisaurus-align").exists():
        raise SystemExit("Phonetisaurus is not installed: `make peers` installs it.")
    started, before = time.perf_counter(), _cpu_seconds()
    with tempfile.TemporaryDirectory() as scratch:
        told = _pronounce(Path(scratch), train, words)
    return told, time.perf_counter() - started, _cpu_seconds() - before


def _pronounce(scratch: Path, train: Spoken, words: list[str]) -> dict[str, str]:
    lexicon, corpus, arpa, model, asked = (
        scratch / name for name in ("lexicon", "corpus", "arpa", "model", "asked")
    )
    lexicon.write_text("".join(f"{word}\t{phones}\n" for word, listed in train.items() for phones in listed))
    asked.write_text("".join(f"{word}\n" for word in words))
    _call("phonetisaurus-align", f"--input={lexicon}", f"--ofile={corpus}", *ALIGNMENT)
    _call("estimate-ngram", "-o", str(ORDER), "-t", str(corpus), "-wl", str(arpa))
    _call("phonetisaurus-arpa2wfst", f"--lm={arpa}", f"--ofile={model}")
    return parsed(_call("phonetisaurus-g2pfst", f"--model={model}", f"--wordlist={asked}"))


def parsed(output: str) -> dict[str, str]:
    """The best phones of each word: lines `word<tab>score<tab>phones`, the best of a word first.

    Example:
        >>> parsed("cat\\t9.5\\tK AE T\\ncat\\t11.0\\tS AE T\\n")
        {'cat': 'K AE T'}
    """
    told: dict[str, str] = {}
    for line in output.splitlines():
        word, _, phones = line.split("\t")
        told.setdefault(word, phones)
    return told


def _call(program: str, *arguments: str) -> str:
    command = [str(PEERS_PYTHON.with_name(program)), *arguments]
    # The wrappers of the programs look for one another by name.
    path = f"{PEERS_PYTHON.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    if done.returncode:
        raise SystemExit(f"{program} failed: {done.stderr[-2000:]}")
    return done.stdout


def _cpu_seconds() -> float:
    used = os.times()
    return used.children_user + used.children_system
