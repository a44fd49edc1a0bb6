"""Models of texts alone: the decoder without a source."""

from __future__ import annotations

from typing import Any

from pipeline.experiments.registry import experiment


@experiment("language_model", "Merity et al., 2018, arXiv:1708.02182; Press and Wolf, 2017, arXiv:1608.05859")
def language_model_lstm() -> dict[str, Any]:
    """Two LSTMs, 512 wide, with one table for reading and writing units."""
    return {
        "model": {
            "sequence": {
                "embedding": 512,
                "decoder": {"kind": "lstm", "layers": 2, "units": 512},
                "shared_embeddings": "decoder",
                "dropout": 0.4,
            }
        },
        "train": {
            "epochs": 20,
            "weight_averaging": 0.999,
            "sequence": {"learning_rate": 0.002, "schedule": "cosine", "label_smoothing": 0.0},
        },
    }


@experiment(
    "language_model", "Vaswani et al., 2017, arXiv:1706.03762; Baevski and Auli, 2019, arXiv:1809.10853"
)
def language_model_transformer() -> dict[str, Any]:
    """Six layers of self-attention, 256 wide, each unit seeing those before it."""
    return {
        "model": {
            "sequence": {
                "embedding": 256,
                "decoder": {
                    "kind": "transformer",
                    "layers": 6,
                    "units": 256,
                    "heads": 4,
                    "feed_forward": 1024,
                },
                "shared_embeddings": "decoder",
                "dropout": 0.1,
            }
        },
        "train": {
            "epochs": 20,
            "weight_averaging": 0.999,
            "sequence": {
                "learning_rate": 0.001,
                "schedule": "cosine",
                "warm_up": 0.05,
                "label_smoothing": 0.0,
            },
        },
    }
