"""How any exception of a step is told."""

from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline.local.failures import as_tandem_error
from trainer.errors import TandemError


def raised(error: BaseException, cause: BaseException | None = None, context: BaseException | None = None):
    error.__context__ = context
    if cause is not None:
        error.__cause__ = cause
    return error


def test_an_error_for_users_is_found_inside_of_others() -> None:
    known = TandemError("INGEST-002", "no file", exit_status=2)
    assert as_tandem_error(known, "ingest") is known
    assert as_tandem_error(raised(RuntimeError("x"), cause=known), "ingest") is known
    middle = raised(ValueError("y"), context=known)
    assert as_tandem_error(raised(RuntimeError("x"), cause=middle), "ingest") is known


def test_an_error_that_was_dealt_with_is_not_the_cause() -> None:
    error = raised(RuntimeError("new"), context=TandemError("INGEST-002", "no file"))
    error.__suppress_context__ = True
    assert as_tandem_error(error, "train").code == "TRAIN-900"


def test_an_unforeseen_exception_gets_the_code_of_its_step_and_one_line() -> None:
    told = as_tandem_error(OSError("disk full\nsecond line"), "transform")
    assert told.code == "TRANSFORM-900"
    assert told.message == "Step transform failed unexpectedly: OSError: disk full"
    assert told.exit_status == 1
    assert "\n" not in as_tandem_error(ValueError(), "push").message


def test_an_interrupt_is_no_failure_of_the_step() -> None:
    told = as_tandem_error(raised(KeyboardInterrupt(), context=TandemError("X-001", "x")), "train")
    assert (told.code, told.exit_status) == ("RUN-006", 130)
    assert "train" in told.message


@pytest.mark.parametrize(
    ("kind", "arguments", "code", "text"),
    [
        (ValueError, ("bad value 5",), "TRANSFORM-900", "bad value 5"),
        (TandemError, ("INGEST-009", "damaged file"), "INGEST-009", "damaged file"),
    ],
)
def test_what_a_beam_worker_raised_is_told(
    kind: type[Exception], arguments: tuple[str, ...], code: str, text: str
) -> None:
    def fail(_: int) -> int:
        raise kind(*arguments)

    with pytest.raises(Exception) as caught, beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | beam.Create([5]) | "Check" >> beam.Map(fail)
    told = as_tandem_error(caught.value, "transform")
    assert told.code == code
    assert text in told.message


def test_a_trace_handed_on_as_text_is_told_by_its_last_line() -> None:
    text = "Traceback (most recent call last):\n  File x\nKeyError: 'carrier'\n"
    assert as_tandem_error(RuntimeError(text), "transform").message.endswith(
        "RuntimeError: KeyError: 'carrier'"
    )
