"""Which kernels a run uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline import kernels
from pipeline.config import Config, load

TEXTS = """
name: texts
task: seq2seq
label: {column: b, units: words}
features: {a: {kind: text, units: words}}
data: {path: a.csv}
gate: {rules: [{metric: wer, max: 0.5}]}
"""


def config(folder: Path, precision: str) -> Config:
    (folder / "config.yaml").write_text(TEXTS + f"train: {{sequence: {{precision: {precision}}}}}\n")
    return load(folder / "config.yaml")


@pytest.mark.parametrize(("precision", "switch"), [("float32", "0"), ("bfloat16", "1")])
def test_products_in_bfloat16_get_the_kernels_that_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, switch: str
) -> None:
    monkeypatch.setattr(kernels, "_defaulted", set())
    monkeypatch.delenv(kernels.ONEDNN, raising=False)
    kernels.use_default()
    kernels.use(config(tmp_path, precision))
    assert os.environ[kernels.ONEDNN] == switch


def test_what_the_user_set_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_defaulted", set())
    monkeypatch.setenv(kernels.ONEDNN, "0")
    kernels.use_default()
    kernels.use(config(tmp_path, "bfloat16"))
    assert os.environ[kernels.ONEDNN] == "0"
