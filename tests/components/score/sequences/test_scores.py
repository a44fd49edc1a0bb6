"""Scores of sequences with exported models: examples for the evaluation, and the summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils, standard_artifacts

from components.baseline.files import PRIOR
from components.evaluate.config import REFERENCES, prediction_key
from components.evaluate.sequences import LanguageModel, Seq2Seq
from components.score.component import Score
from components.score.sequences import samples
from components.score.sequences.answers import NEVER
from components.score.sequences.run import score
from components.score.sequences.sources import Source
from tests.components.score.sequences import models
from tests.components.score.sequences.models import FEATURES, row
from trainer.errors import TandemError
from trainer.export.sequence import server
from trainer.quantisation import FLOAT32_DIRECTORY

# The candidate writes letters as they are, the baseline writes every A as E, the prior leaves them out.
ROWS = [
    row(word="cat", phones="C A T", kind="short"),
    row(word="bad", phones="B A D", kind="short"),
    row(word="bad", phones="B E D", kind="long"),
    row(word="house", phones="H A U S", kind="long"),
    row(word="", phones="A"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "model": root / "candidate",
        "candidate": models.export(root / "candidate" / "Format-Serving", {}, attention=True),
        "baseline": models.export(root / "baseline", {"a": "e"}),
        "prior": models.export(root / "prior", {"a": ""}),
    }


def scored(places: dict[str, Path], rows: list[bytes] = ROWS, **options: Any) -> tuple[list[Any], Any]:
    given = {"columns": ["source_length", "kind"], "weight_column": None, "baseline_is_prior": False}
    records, finish = score([rows[:2], rows[2:]], FEATURES, **{**places, **given, **options})
    features = [tf.train.Example.FromString(record).features.feature for record in records]
    return features, finish()


def test_scored_examples_hold_vectors_slices_and_the_number_of_references(places: dict[str, Path]) -> None:
    found, _ = scored(places)
    names = {REFERENCES, prediction_key("candidate"), prediction_key("baseline"), "source_length", "kind"}
    assert [set(one) for one in found] == [names] * 3
    assert [one[REFERENCES].float_list.value[0] for one in found] == [1, 2, 1]
    assert [one["kind"].bytes_list.value[0] for one in found] == [b"short", b"short", b"long"]
    assert [one["source_length"].bytes_list.value[0] for one in found] == [b"001-004"] * 2 + [b"005-008"]
    vectors = {
        name: np.array([one[prediction_key(name)].float_list.value for one in found])
        for name in ("candidate", "baseline")
    }
    # Edits and units of the closest reference.
    assert vectors["candidate"][:, :2].tolist() == [[0, 3], [0, 3], [2, 4]]
    assert vectors["baseline"][:, :2].tolist() == [[1, 3], [0, 3], [2, 4]]
    assert vectors["candidate"].shape[1] == Seq2Seq.WIDTH


def test_the_summary_tells_of_references_churn_lengths_and_the_prior(places: dict[str, Path]) -> None:
    _, summary = scored(places)
    assert {name: summary[name] for name in ("rows", "sources", "references", "left_out")} == {
        "rows": 5,
        "sources": 3,
        "references": 4,
        "left_out": {"source": 1, "target": 0},
    }
    assert summary["churn"] == summary["decisions_flipped"] == pytest.approx(2 / 3)
    assert summary["status"] == {"ok": 3}
    # C T, B D and H O U S E: one, one and two edits of 3 + 3 + 4 units.
    assert summary["prior"]["per"] == pytest.approx(4 / 10)
    assert summary["prior"]["exact_match"] == 0
    assert [(one["range"], one["sources"]) for one in summary["by_length"]] == [
        ("001-004", 2),
        ("005-008", 1),
    ]
    assert summary["by_length"][0]["candidate"]["wer"] == 0
    assert summary["by_length"][0]["baseline"]["wer"] == pytest.approx(1 / 2)
    assert summary["speed"]["candidate"]["sources_per_second"] > 0
    assert "quantisation" not in summary
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_samples_show_the_worst_first_with_hypotheses_steps_and_attention(places: dict[str, Path]) -> None:
    _, summary = scored(places)
    (worst,) = summary["samples"]["worst"]
    assert worst["source"] == "house"
    assert worst["references"] == ["H A U S"]
    assert (worst["edits"], worst["units"]) == (2, 4)
    assert [one["text"] for one in worst["hypotheses"]] == ["H O U S E", "H O U S"]
    assert worst["hypotheses"][0]["score"] == pytest.approx(-0.5)
    assert worst["hypotheses"][0]["log_probability"] == pytest.approx(-1.0)
    assert worst["baseline"] == "H O U S E"
    assert [step for step in worst["steps"] if step[0] != "same"] == [["other", "A", "O"], ["extra", "", "E"]]
    assert sorted(one["source"] for one in summary["samples"]["random"]) == ["bad", "cat", "house"]
    cat = next(one for one in summary["samples"]["random"] if one["source"] == "cat")
    assert cat["attention"]["source_units"] == ["c", "a", "t"]
    assert cat["attention"]["units"] == ["C", "A", "T"]
    assert cat["attention"]["weights"] == np.eye(3).tolist()


def test_without_a_blessed_model_nothing_stands_beside_the_candidate(places: dict[str, Path]) -> None:
    _, summary = scored({**places, "baseline": places["prior"]}, baseline_is_prior=True)
    assert set(summary["by_length"][0]) == {"range", "sources", "candidate"}
    assert set(summary["speed"]) == {"candidate"}
    assert "baseline" not in summary["samples"]["worst"][0]
    assert summary["prior"]["per"] == pytest.approx(4 / 10)


def test_a_float_copy_is_compared_with_the_int8_model(places: dict[str, Path], tmp_path: Path) -> None:
    models.export(tmp_path / "candidate" / FLOAT32_DIRECTORY, {"t": "d"})
    _, summary = scored({**places, "model": tmp_path / "candidate"})
    found = summary["quantisation"]
    assert found["int8"]["per"] == pytest.approx(2 / 10)
    assert found["float32"]["per"] == pytest.approx(3 / 10)
    assert found["changes"]["int8_per_change"] == pytest.approx(-1 / 10)
    assert found["changes"]["int8_wer_change"] == pytest.approx(-1 / 3)
    assert found["changes"]["int8_size_ratio"] == found["int8"]["bytes"] / found["float32"]["bytes"]
    assert found["changes"]["int8_speed_ratio"] > 0
    assert set(found["changes"]) == {
        "int8_wer_change",
        "int8_per_change",
        "int8_bleu_change",
        "int8_size_ratio",
        "int8_speed_ratio",
    }


def test_weights_are_written_and_used(places: dict[str, Path]) -> None:
    rows = [row(3.0, word="cat", phones="C A T"), row(1.0, word="sun", phones="S A N")]
    found, summary = scored(places, rows, columns=[], weight_column="w")
    assert [one["w"].float_list.value[0] for one in found] == [3.0, 1.0]
    assert set(found[0]) == {REFERENCES, "w", prediction_key("candidate"), prediction_key("baseline")}
    assert summary["by_length"][0]["candidate"]["wer"] == pytest.approx(1 / 4)


def test_a_split_without_texts_is_refused(places: dict[str, Path]) -> None:
    with pytest.raises(TandemError, match=r"SCORE-010.*rows=1"):
        scored(places, [row(word="cat", phones="")])


def test_a_model_that_cannot_be_loaded_is_named(places: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(TandemError, match="SCORE-012"):
        scored({**places, "candidate": tmp_path})


def test_a_language_model_is_scored_by_nats_and_units(tmp_path: Path) -> None:
    features, candidate = models.language_model_prior(tmp_path / "a", ["aab", "ab"])
    _, baseline = models.language_model_prior(tmp_path / "b", ["ccc"])
    records, finish = score(
        [[row(text="ab"), row(text="ba c"), row(text="ab")]],
        features,
        columns=["source_length"],
        weight_column=None,
        model=tmp_path,
        candidate=candidate,
        baseline=baseline,
        prior=baseline,
        baseline_is_prior=False,
    )
    found = [tf.train.Example.FromString(record).features.feature for record in records]
    vectors = np.array([one[prediction_key("candidate")].float_list.value for one in found])
    assert vectors.shape == (3, LanguageModel.WIDTH)
    # End 3, a 4, b 3, unknown, space and c 1 of 13.
    assert vectors[0].tolist() == pytest.approx([-np.log(4 * 3 * 3 / 13**3), 3])
    assert vectors[1].tolist() == pytest.approx([-np.log(3 * 4 * 1 * 1 * 3 / 13**5), 5])
    summary = finish()
    assert summary["sources"] == 3
    assert summary["references"] == 0
    assert summary["churn"] > 0
    assert summary["decisions_flipped"] is None
    assert summary["samples"]["worst"][0]["text"] == "ba c"
    assert summary["samples"]["worst"][0]["units"] == 5
    assert summary["prior"]["perplexity"] > 0
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_samples_do_not_depend_on_the_order_of_the_rows() -> None:
    sources = [Source(f"w{index}", 1.0, {}, ["x"]) for index in range(100)]
    badness = [float(index % 7) for index in range(100)]
    first = samples.choose(badness, sources)
    second = samples.choose(badness[::-1], sources[::-1])
    for name in ("worst", "random"):
        assert [sources[i].text for i in first[name]] == [sources[::-1][i].text for i in second[name]]
    assert len(first["worst"]) == samples.WORST
    assert samples.choose([0.0] * 100, sources)["worst"] == []


def test_the_component_scores_sequences(places: dict[str, Path], tmp_path: Path) -> None:
    def artifact(kind: Any, name: str) -> Any:
        made = kind()
        made.uri = str(tmp_path / name)
        (tmp_path / name).mkdir()
        return made

    model, baseline = (artifact(standard_artifacts.Model, name) for name in ("model", "baseline"))
    for source, target in (
        ("candidate", tmp_path / "model" / "Format-Serving"),
        ("baseline", tmp_path / "baseline" / "Format-Serving"),
        ("prior", tmp_path / "baseline" / PRIOR),
    ):
        target.symlink_to(places[source])
    baseline.set_string_custom_property("model_digest", "d1")
    examples, scores = (artifact(standard_artifacts.Examples, name) for name in ("examples", "scores"))
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    (tmp_path / "examples" / "Split-eval").mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / "examples" / "Split-eval" / "data")) as writer:
        for one in ROWS:
            writer.write(one)
    run = artifact(standard_artifacts.ModelRun, "run")
    (tmp_path / "run" / "training.json").write_text(json.dumps({"feature_spec": FEATURES.to_json()}))
    inputs = {"examples": [examples], "model": [model], "baseline_model": [baseline], "model_run": [run]}
    properties = {"task": "seq2seq", "label": "phones", "columns": '["kind"]', "weight_column": ""}
    Score.EXECUTOR_SPEC.executor_class(BaseExecutor.Context()).Do(inputs, {"scores": [scores]}, properties)
    (written,) = (tmp_path / "scores" / "Split-eval").iterdir()
    assert len(list(tf.data.TFRecordDataset(str(written)))) == 3
    summary = json.loads((tmp_path / "scores" / "score.json").read_text())
    assert summary["baseline_digest"] == "d1"
    assert summary["sources"] == 3


def test_the_score_of_what_was_not_found_is_that_of_the_exporter() -> None:
    assert NEVER == server.NEVER
