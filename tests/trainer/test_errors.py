"""The base exception."""

import pickle

from trainer.errors import TandemError


def test_an_error_survives_the_way_out_of_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(TandemError("GATE-003", "expected 1", "Do it again.", 2)))
    assert (error.code, error.message, error.hint, error.exit_status) == (
        "GATE-003", "expected 1", "Do it again.", 2,
    )  # fmt: skip
    assert str(error) == "GATE-003: expected 1 Do it again."
