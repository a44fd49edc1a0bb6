"""Each failure says what to do, and never the token."""

from __future__ import annotations

import json

import pytest

from pipeline.kubeflow.api.errors import of_answer


def body(message: str, code: int | None = None, key: str = "message") -> str:
    return json.dumps({key: message, **({"code": code} if code is not None else {})})


@pytest.mark.parametrize(
    ("status", "text", "code", "exit_status", "hint"),
    [
        (401, body("no identity", 16), "KFP-301", 2, "--token-file"),
        (500, body("Request header error: there is no user identity header.", 13), "KFP-301", 2, "token"),
        (
            400,
            body("Pipeline upload authentication failed. Authenticate", key="error_message"),
            "KFP-301",
            2,
            "",
        ),
        (403, body("not authorized", 7), "KFP-302", 2, "kubeflow-edit"),
        (403, "RBAC: access denied", "KFP-302", 2, "kubeflow.namespace"),
        (400, body('pipeline upload denied: in namespace "a"', key="error_message"), "KFP-302", 2, ""),
        (404, body("run 7 not found", 5), "KFP-303", 1, "deleted"),
        (404, "404 page not found", "KFP-309", 2, "--host"),
        (404, "<html>nginx</html>", "KFP-309", 2, "--host"),
        (409, body("Failed to create a pipeline version", key="error_message"), "KFP-304", 1, "again"),
        (500, body("The name a already exist. Please", 13), "KFP-304", 1, "again"),
        (400, body("invalid cron", 3), "KFP-305", 2, "Correct"),
        (413, body("too large", key="error_message"), "KFP-305", 2, "Correct"),
        (500, body("Internal", 13), "KFP-306", 1, "logs"),
        (503, "<html>Service Unavailable</html>", "KFP-306", 1, "logs"),
        (429, "", "KFP-306", 1, "later"),
    ],
)
def test_a_status_becomes_an_error_to_act_on(
    status: int, text: str, code: str, exit_status: int, hint: str
) -> None:
    error = of_answer("GET /x", status, text, {})
    assert (error.code, error.exit_status) == (code, exit_status)
    assert hint in error.hint
    assert f"Received: {status} for GET /x" in error.message


def test_the_message_of_the_server_is_kept_on_one_line_and_short() -> None:
    error = of_answer("POST /x", 400, body("a\nb " + "c" * 900, 3), {})
    assert "Received: 400 for POST /x: a b ccc" in error.message
    assert len(error.message) < 600


def test_a_token_that_the_server_repeats_is_left_out() -> None:
    error = of_answer("GET /x", 401, body("token abc.def is expired", 16), {}, secret="abc.def")
    assert "abc.def" not in str(error)
    assert "token *** is expired" in error.message


def test_a_token_that_was_given_and_refused_is_told_so_and_how_to_make_one() -> None:
    given = of_answer("GET /x", 401, "", {}, secret="abc.def")
    assert given.message.endswith("Received: 401 for GET /x, the token was refused.")
    assert "kubectl create token SERVICE_ACCOUNT" in given.hint
    assert "was refused" not in of_answer("GET /x", 401, "", {}).message
    # The redirect to a login page says nothing of the token.
    assert "was refused" not in of_answer("GET /x", 302, "", {}, secret="abc.def").message
    assert "was refused" not in of_answer("GET /x", 403, "", {}, secret="abc.def").message


def test_a_sentence_of_the_server_ends_once() -> None:
    error = of_answer("GET /x", 404, body("Run 7 not found.", 5), {})
    assert error.message.endswith("Received: 404 for GET /x: Run 7 not found.")
