"""Encoders and decoders of self-attention."""

from __future__ import annotations

from typing import Any

from pipeline.experiments.registry import experiment


@experiment("seq2seq", "Vaswani et al., 2017, arXiv:1706.03762; Xiong et al., 2020, arXiv:2002.04745")
def transformer_small() -> dict[str, Any]:
    """Three layers on both sides, 256 wide, normalised before each sublayer.

    For some ten thousand sentence pairs, such as captions of pictures.
    """
    stack = {"kind": "transformer", "layers": 3, "units": 256, "heads": 4, "feed_forward": 1024}
    return {
        "model": {
            "sequence": {
                "embedding": 256,
                "encoder": dict(stack),
                "decoder": dict(stack),
                "shared_embeddings": "decoder",
                "dropout": 0.3,
            }
        },
        "train": {
            "epochs": 30,
            "weight_averaging": 0.9995,
            "sequence": {
                "learning_rate": 0.002,
                "schedule": "rsqrt",
                "warm_up": 0.1,
                "label_smoothing": 0.1,
            },
        },
    }


@experiment("seq2seq", "Vaswani et al., 2017, arXiv:1706.03762, table 3, row base")
def transformer_base() -> dict[str, Any]:
    """Six layers on both sides, 512 wide, with the rates of the paper's base model.

    For millions of pairs and an accelerator.
    """
    stack = {"kind": "transformer", "layers": 6, "units": 512, "heads": 8, "feed_forward": 2048}
    return {
        "model": {
            "sequence": {
                "embedding": 512,
                "encoder": dict(stack),
                "decoder": dict(stack),
                "shared_embeddings": "decoder",
                "dropout": 0.1,
            }
        },
        "train": {
            "epochs": 10,
            "weight_averaging": 0.9999,
            "sequence": {
                "batch_tokens": 25000,
                "buckets": 16,
                "learning_rate": 0.0007,
                "schedule": "rsqrt",
                "warm_up": 0.04,
                "momentum": 0.9,
                "beta_2": 0.98,
                "label_smoothing": 0.1,
            },
        },
    }
