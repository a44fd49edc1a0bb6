"""Where the token comes from, and that it shows nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.kubeflow.api import token
from pipeline.kubeflow.api.token import Token
from trainer.errors import TandemError


def test_a_named_file_wins_over_the_environment_over_the_projected_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: tmp_path / name for name in ("given", "variable", "projected")}
    for name, file in files.items():
        file.write_text(f"{name}\n")
    monkeypatch.setattr(token, "PROJECTED", files["projected"])
    environment = {token.VARIABLE: str(files["variable"])}
    assert token.found(files["given"], environment).value() == "given"
    assert token.found(None, environment).value() == "variable"
    assert token.found(None, {}).value() == "projected"
    files["projected"].unlink()
    assert token.found(None, {}) is None


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"\xff\xfe"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(TandemError, match=r"KFP-311.*path=") as refused:
        Token(tmp_path / "t")
    assert refused.value.exit_status == 2
    assert "two words" not in str(refused.value)


def test_a_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"KFP-311.*No such file"):
        Token(tmp_path / "t")


def test_a_pipe_is_read_once() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"secret")
    os.close(writer)
    made = Token(Path(f"/dev/fd/{reader}"))
    assert (made.value(), made.value()) == ("secret", "secret")
    os.close(reader)


def test_it_does_not_show(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("secret")
    assert "secret" not in repr(Token(tmp_path / "t")).replace(str(tmp_path), "")
