"""Sources that the report shows one by one: those answered worst, and some by chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluate.edits import align, edit_distances
from components.score.sequences.answers import Answers
from components.score.sequences.sources import Source

WORST, BY_CHANCE = 15, 10
MOST_ATTENTION = 4
_MOST_ATTENTION_UNITS = 24
_MOST_REFERENCES = 5
_MOST_TEXT = 2000
_SEED = 7

Segment = Callable[[str], Sequence[str]]
Json = dict[str, Any]


def choose(badness: Sequence[float], sources: Sequence[Source]) -> dict[str, list[int]]:
    """Which sources are shown.

    Args:
        badness: of each source, higher is worse; 0 or less is no error.
        sources: decide between equals, so that the choice does not depend on the order of rows.

    Returns:
        `worst`, the worst first, none without an error; and `random`, the same for the same sources.
    """
    order = sorted(range(len(sources)), key=lambda index: (-badness[index], sources[index].text))
    worst = [index for index in order if badness[index] > 0][:WORST]
    by_text = sorted(range(len(sources)), key=lambda index: sources[index].text)
    chance = random.Random(_SEED).sample(by_text, min(BY_CHANCE, len(by_text)))
    return {"worst": worst, "random": chance}


def hypotheses(
    chosen: dict[str, list[int]],
    sources: Sequence[Source],
    candidate: Answers,
    baseline: Answers | None,
    segment: Segment,
    explain: Callable[[Sequence[str]], list[Json | None]],
) -> dict[str, list[Json]]:
    """What is shown of sources with references.

    Args:
        chosen: what `choose` found.
        sources: all sources.
        candidate: its answers to all sources.
        baseline: those of the blessed model, or None if there is none.
        segment: units of a target text.
        explain: attention behind the answers to texts, see `Model.explain`.

    Returns:
        `worst` and `random`, lists of `{"source", "references", "status", "hypotheses": [{"text", "score",
        "log_probability"}], "edits", "units", "steps", "baseline", "attention"}`: `steps` lead from the
        closest reference to the best hypothesis as `[kind, wanted, found]`, see
        `components.evaluate.edits.align`; the last two are left out where there are none.
    """
    short = [
        index
        for index in [*chosen["random"], *chosen["worst"]]
        if len(sources[index].text) <= 4 * _MOST_ATTENTION_UNITS
    ]
    explained = dict(zip(short, explain([sources[index].text for index in short]), strict=True))
    shown = [index for index, found in explained.items() if found is not None and _small(found)]
    attention = {index: explained[index] for index in shown[:MOST_ATTENTION]}

    def sample(index: int) -> Json:
        source = sources[index]
        units = list(segment(candidate.texts[index][0]))
        references = [list(segment(text)) for text in source.references]
        edits = edit_distances([(reference, units) for reference in references])
        closest = references[int(edits.argmin())]
        found: Json = {
            "source": source.text[:_MOST_TEXT],
            "references": [text[:_MOST_TEXT] for text in source.references[:_MOST_REFERENCES]],
            "status": candidate.status[index],
            "hypotheses": [
                {"text": text[:_MOST_TEXT], "score": _finite(score), "log_probability": _finite(likelihood)}
                for text, score, likelihood in zip(
                    candidate.texts[index],
                    candidate.scores[index],
                    candidate.log_probabilities[index],
                    strict=True,
                )
            ],
            "edits": int(edits.min()),
            "units": len(closest),
            "steps": [list(step) for step in align(closest[:200], units[:200])],
        }
        if baseline is not None:
            found["baseline"] = baseline.texts[index][0][:_MOST_TEXT]
        if attention.get(index) is not None:
            found["attention"] = attention[index]
        return found

    return {name: [sample(index) for index in indices] for name, indices in chosen.items()}


def texts(
    chosen: dict[str, list[int]],
    sources: Sequence[Source],
    bits: NDArray[np.float64],
    candidate: Answers,
) -> dict[str, list[Json]]:
    """What is shown of texts of a language model: `{"text", "status", "units", "bits_per_unit"}` each."""
    return {
        name: [
            {
                "text": sources[index].text[:_MOST_TEXT],
                "status": candidate.status[index],
                "units": int(candidate.lengths[index]),
                "bits_per_unit": _finite(float(bits[index])),
            }
            for index in indices
        ]
        for name, indices in chosen.items()
    }


def _small(attention: Json) -> bool:
    return max(len(attention["source_units"]), len(attention["units"])) <= _MOST_ATTENTION_UNITS


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
