"""Views as runs on sequences would give them: words spelled out, sentences, and a language model."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from components.evaluate.edits import align
from tests.pipeline.report.views import View, pushed

WORDS = {
    "cat": ["K AE T"],
    "read": ["R EH D", "R IY D"],
    "through": ["TH R UW"],
    "sleeping": ["S L IY P IH NG"],
    "unquestionably": ["AH N K W EH S CH AH N AH B L IY"],
}
MISTAKES = {"read": "R EH D D", "unquestionably": "AH N K W EH S T AH N B L AY IY", "through": "TH R AW"}


def _metrics(quality: float) -> dict[str, float]:
    return {
        "wer": 0.9 - 0.6 * quality,
        "per": 0.4 - 0.3 * quality,
        "exact_match": 0.1 + 0.6 * quality,
        "bleu": 20 + 55 * quality,
        "chrf": 30 + 50 * quality,
        "length_ratio": 1.02 - 0.01 * quality,
        "example_count": 6246,
    }


def _sample(source: str, references: list[str], best: str, attention: bool) -> dict[str, Any]:
    units = best.split()
    closest = min((text.split() for text in references), key=lambda text: len(align(text, units)))
    steps = align(closest, units)
    found: dict[str, Any] = {
        "source": source,
        "references": references,
        "status": "unknown" if source == "read" else "ok",
        "hypotheses": [
            {"text": best, "score": -0.21, "log_probability": -0.5},
            {"text": " ".join(units[:-1]), "score": -1.7, "log_probability": -3.1},
        ],
        "edits": sum(kind != "same" for kind, _, _ in steps),
        "units": len(closest),
        "steps": [list(step) for step in steps],
        "baseline": references[0],
    }
    if attention:
        rows = []
        for row in range(len(units)):
            near = [
                math.exp(-abs(column / len(source) - row / len(units)) * 9) for column in range(len(source))
            ]
            rows.append([round(value / sum(near), 3) for value in near])
        found["attention"] = {"source_units": list(source), "units": units, "weights": rows}
    return found


def _of_task(task: str, metrics: Callable[[float], dict[str, float]]) -> View:
    view = pushed()
    view["summary"]["task"] = task
    del view["calibration"]
    names = {"candidate": 1.0, "baseline": 0.9, "prior": 0.0}
    overall = {name: metrics(quality) for name, quality in names.items()}
    confidence = {
        side: {
            name: value * factor for name, value in overall["candidate"].items() if name != "example_count"
        }
        for side, factor in (("lower", 0.97), ("upper", 1.03))
    }
    slices = [
        {"slice": {"source_length": name}, "count": 900 - 200 * index, "metrics": metrics(1 - index / 5)}
        for index, name in enumerate(("001-004", "005-008", "009-012"))
    ]
    view["metrics"] = {
        "candidate": {"overall": overall["candidate"], "confidence": confidence, "slices": slices},
        "baseline": {"overall": overall["baseline"], "confidence": {}, "slices": slices[::-1]},
        "prior": overall["prior"],
        "churn": 0.124,
        "decisions_flipped": 0.124 if task == "seq2seq" else None,
        "baseline_is_prior": False,
        "baseline_problem": "",
    }
    view["summary"]["metrics"] = {**overall, "slices": slices}
    view["gate"]["verdicts"][0] = {
        "rule": "wer better than prior by at least 0.3",
        "slice": "overall",
        "value": 0.3,
        "limit": 0.6,
        "verdict": "pass",
        "reason": "0.3 <= 0.6",
    }
    training = view["training"]
    training["sequences"] = {
        "buckets": [
            {
                "source": 4 * index,
                "target": 4 * index - 1,
                "length": 4 * index,
                "batch": 4096 // (4 * index),
                "examples": 50000 // index,
                "padding_share": 0.03 * index,
            }
            for index in range(1, 6)
        ],
        "skipped": {"empty": 3, "long": 17},
        "padding_share": 0.062,
        "tokens_per_second": 21850.0,
    }
    del training["calibration"]
    view["sequences"] = {
        "kinds": {"source": "letters", "target": "tokens"},
        "rows": 6700,
        "sources": 6246,
        "references": 6688,
        "left_out": {"source": 0, "target": 2},
        "status": {"ok": 6200, "unknown": 40, "truncated": 6},
        "by_length": [
            {
                "range": name,
                "sources": 2000 - 600 * index,
                "candidate": metrics(1 - index / 5),
                "baseline": metrics(0.8 - index / 5),
            }
            for index, name in enumerate(("001-004", "005-008", "009-012", "513+"))
        ],
        "samples": {"worst": [], "random": []},
        "speed": {
            "candidate": {"sources_per_second": 1234.5, "seconds": 5.06},
            "baseline": {"sources_per_second": 800.0, "seconds": 7.8},
        },
    }
    return view


def words() -> View:
    """Words spelled out, with int8 weights and attention."""
    view = _of_task("seq2seq", _metrics)
    found = view["sequences"]
    found["samples"] = {
        "worst": [_sample(word, WORDS[word], text, word == "through") for word, text in MISTAKES.items()],
        "random": [_sample(word, texts, MISTAKES.get(word, texts[0]), True) for word, texts in WORDS.items()],
    }
    int8 = {**_metrics(0.99), "bytes": 1_100_000, "sources_per_second": 1234.5}
    float32 = {**_metrics(1.0), "bytes": 4_000_000, "sources_per_second": 1100.0}
    found["quantisation"] = {
        "int8": int8,
        "float32": float32,
        "changes": {"int8_wer_change": int8["wer"] - float32["wer"], "int8_size_ratio": 0.275},
    }
    return view


def sentences() -> View:
    """Sentences of words, whose attention has slanted heads."""
    view = _of_task("seq2seq", _metrics)
    view["sequences"]["kinds"] = {"source": "words", "target": "words"}
    source, target = (
        ["ein", "Hund", "läuft", "über", "die", "Wiese", "."],
        "a dog is running over the meadow .",
    )
    rng = random.Random(4)
    sample = _sample("ein Hund läuft über die Wiese.", [target], "a dog runs over a meadow .", False)
    units = sample["hypotheses"][0]["text"].split()
    weights = [[round(rng.random() ** 3, 3) for _ in source] for _ in units]
    sample["attention"] = {"source_units": source, "units": units, "weights": weights}
    view["sequences"]["samples"] = {"worst": [sample], "random": [sample]}
    return view


def characters() -> View:
    """A language model of characters."""
    view = _of_task(
        "language_model",
        lambda quality: {
            "perplexity": 20 - 14 * quality,
            "bits_per_unit": math.log2(20 - 14 * quality),
            "example_count": 6246,
        },
    )
    found = view["sequences"]
    found["kinds"] = {"source": None, "target": "characters"}
    found["references"] = 0
    texts = [
        {"text": text, "status": "ok", "units": len(text) + 1, "bits_per_unit": 2.5 + index}
        for index, text in enumerate(("a plain sentence", "zzyzx " * 12, "another one"))
    ]
    found["samples"] = {"worst": texts[::-1], "random": texts}
    return view


KINDS: dict[str, Callable[[], View]] = {
    "words": words,
    "sentences": sentences,
    "characters": characters,
}
