"""The file that a training leaves: whole or refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from trainer.errors import TandemError
from trainer.warm_start import Origin, begin, read, write

TOKENS = ["AA", "Zürich", "not \udc80 UTF-8"]


@pytest.fixture
def file(fit: Callable[..., Any], tmp_path: Path) -> Path:
    path = tmp_path / "warm_start.ckpt"
    write(path, fit(TOKENS, steps=3, encodings={"hash": "text in 4"}, label_mean=3.0).state())
    return path


def test_what_is_written_is_read_and_equal_states_give_equal_bytes(
    fit: Callable[..., Any], file: Path, tmp_path: Path
) -> None:
    state = read(file)
    write(tmp_path / "again", state)
    assert (tmp_path / "again").read_bytes() == file.read_bytes()
    expected = fit(TOKENS, steps=3, encodings={"hash": "text in 4"}, label_mean=3.0).state()
    assert dataclasses.replace(state, weights={}, slots={}) == dataclasses.replace(
        expected, weights={}, slots={}
    )
    assert state.meaning.tokens["carrier"] == TOKENS
    assert {name: value.shape for name, value in state.weights.items()} == {
        "wide/table": (11, 1), "embeddings/table_3": (5, 3), "embeddings/table_4": (6, 4),
        "hidden_0/kernel": (9, 6), "hidden_0/bias": (6,), "hidden_1/kernel": (6, 5), "hidden_1/bias": (5,),
        "deep/kernel": (5, 1), "logits/bias": (1,),
    }  # fmt: skip
    for name, slots in expected.slots.items():
        assert list(state.slots[name]) == sorted(slots)
        assert all(np.array_equal(state.slots[name][slot], value) for slot, value in slots.items())


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def _change(path: Path, edit: Callable[[dict[str, Any], dict[str, Any]], Any]) -> None:
    whole = read_checkpoint(path)
    tensors, meta = dict(whole.tensors), dict(whole.meta)
    edit(tensors, meta)
    write_checkpoint(path, Checkpoint(0, tensors, meta))


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "absent": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut": _cut,
    "a byte changed": _flip,
    "no metadata": lambda path: _change(path, lambda _, meta: meta.clear()),
    "another version": lambda path: _change(path, lambda _, meta: meta["layout"].update(version=99)),
    "a table gone": lambda path: _change(path, lambda tensors, _: tensors.pop("weight/wide/table")),
    "a kernel gone": lambda path: _change(path, lambda tensors, _: tensors.pop("weight/deep/kernel")),
    "a column beyond its table": lambda path: _change(
        path, lambda _, meta: meta["layout"]["columns"][0].update(size=99)
    ),
    "too many tokens": lambda path: _change(path, lambda _, meta: meta["tokens"]["carrier"].extend("abc")),
    "a token twice": lambda path: _change(path, lambda _, meta: meta["tokens"].update(carrier=["a", "a"])),
    "tokens of numbers": lambda path: _change(path, lambda _, meta: meta["tokens"].update(carrier=[1])),
    "not finite": lambda path: _change(
        path, lambda tensors, _: tensors.update({"weight/logits/bias": np.array([np.nan], np.float32)})
    ),
    "a slot of another shape": lambda path: _change(
        path,
        lambda tensors, _: tensors.update({"slot/deep/kernel/accumulator": np.zeros((9, 9), np.float32)}),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_starts_anew_and_says_why(
    fit: Callable[..., Any], file: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    DAMAGE[damage](file)
    with pytest.raises(TandemError, match=r"TRAIN-20[24]"):
        read(file)
    new, untouched = fit(TOKENS, seed=2), fit(TOKENS, seed=2)
    origin = Origin(str(file), "d" * 64)
    report = begin(new.model, new.optimizer, new.features, new.meaning, origin, "keep")
    assert report["reason"].startswith(("TRAIN-202", "TRAIN-204"))
    assert (report["from"], report["rows_taken"], report["rows_fresh"]) == ("d" * 64, 0, 22)
    assert "No warm start" in caplog.text
    before = [*untouched.model.variables, *untouched.optimizer.variables]
    for one, other in zip([*new.model.variables, *new.optimizer.variables], before, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())


def test_nothing_served_and_a_known_problem_are_reasons_too(fit: Callable[..., Any]) -> None:
    new = fit(TOKENS)
    arguments = new.model, new.optimizer, new.features, new.meaning
    assert begin(*arguments, Origin(), "keep")["reason"] == "no model is served yet"
    report = begin(*arguments, Origin(digest="d", problem="its manifest differs"), "reset")
    assert (report["reason"], report["from"], report["policy"]) == ("its manifest differs", "d", "reset")
