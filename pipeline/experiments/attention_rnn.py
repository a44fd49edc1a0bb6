"""Recurrent encoders and decoders with attention."""

from __future__ import annotations

from typing import Any

from pipeline.config.merge import merged
from pipeline.experiments.registry import experiment


@experiment("seq2seq", "Bahdanau et al., 2015, arXiv:1409.0473")
def attention_rnn_small() -> dict[str, Any]:
    """One bidirectional LSTM and one LSTM with attention, 128 wide.

    Learns short pairs, such as spellings and dates, within minutes on a CPU.
    """
    return {
        "model": {
            "sequence": {
                "embedding": 64,
                "encoder": {"kind": "lstm", "layers": 1, "units": 128},
                "decoder": {"kind": "lstm", "layers": 1, "units": 128},
                "attention": "dot",
                "dropout": 0.1,
            }
        },
        "train": {
            "epochs": 10,
            "weight_averaging": 0.999,
            "sequence": {"learning_rate": 0.004, "schedule": "cosine", "batch_tokens": 2048},
        },
    }


@experiment("seq2seq", "Luong et al., 2015, arXiv:1508.04025")
def attention_rnn() -> dict[str, Any]:
    """Two bidirectional LSTMs and one LSTM with dot attention, 256 wide.

    The first choice where source and target are aligned in order.
    """
    return {
        "model": {
            "sequence": {
                "embedding": 128,
                "encoder": {"kind": "lstm", "layers": 2, "units": 256},
                "decoder": {"kind": "lstm", "layers": 1, "units": 256},
                "attention": "dot",
                "dropout": 0.3,
            }
        },
        "train": {
            "epochs": 30,
            "early_stopping": {"patience": 6},
            "weight_averaging": 0.9995,
            "sequence": {"learning_rate": 0.002, "schedule": "cosine", "label_smoothing": 0.1},
        },
    }


def _upon_attention_rnn(own: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = merged(attention_rnn(), own)
    return values


@experiment("seq2seq", "Luong et al., 2015, arXiv:1508.04025; Shaw et al., 2018, arXiv:1803.02155")
def monotonic_rnn() -> dict[str, Any]:
    """As `attention_rnn`, with attention that learns how far source and target run apart.

    A bias for each distance is a strong hint where both run in parallel, as in spellings.
    """
    return _upon_attention_rnn({"model": {"sequence": {"attention": "monotonic"}}})


@experiment("seq2seq", "Luong et al., 2016, arXiv:1511.06114; Gulcehre et al., 2015, arXiv:1503.03535")
def attention_rnn_with_language_model() -> dict[str, Any]:
    """As `attention_rnn`, with a second task: some steps train the decoder on targets without a source.

    Their share falls in a line from 0.3 to 0, so that the training ends with the task itself.
    """
    auxiliary = {"task": "language_model", "start": 0.3, "end": 0.0}
    return _upon_attention_rnn({"train": {"sequence": {"auxiliary": auxiliary}}})


@experiment("seq2seq", "Jacob et al., 2018, arXiv:1712.05877")
def attention_rnn_int8() -> dict[str, Any]:
    """As `attention_rnn`, exported with int8 weights, which the second half of the training knows of."""
    return _upon_attention_rnn({"model": {"sequence": {"quantisation": "aware"}}})
