"""A column of any name is an input of its own, called by the name of the column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from trainer.export import safe_names
from trainer.export.dry_run import column_names
from trainer.export.serving import save
from trainer.export.signatures import make_signatures

NAMES = [
    ["self", "x"],
    ["Age", "age", "AGE"],
    ["dep time", "input_0_dep_time"],
    ["input_1_dep_time", "dep time"],
    ["Input_1_b", "b"],
    ["a-b", "a_b", "a.b", "a b"],
    ["_x", "x", "x_1", "X"],
    ["größe", "größf", "日本", "é", "STRASSE", "straße"],
    ["name", "inputs", "args", "kwargs", "training", "rows", "examples", "predict"],
    ["class", "None", "lambda", "print"],
    ["123", "1.5", "-1", "..", "%s", "a/b", "a:b", 'q"uote', "tab\tname", " "],
    ["x" * 300, "x" * 299 + "y", "long " * 60],
]


def weighted_sum(names: list[str]) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
    """Answers with the sum of `10^i` times the value of column `i`, so each column has its own digit."""

    def answer(raw: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        del rows
        parts = [tf.sparse.to_dense(raw[name]) * 10**index for index, name in enumerate(names)]
        return {"sum": tf.add_n(parts)}

    return answer


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0][:10])
def test_each_column_is_an_input_with_its_own_value(names: list[str], tmp_path: Path) -> None:
    raw = dict.fromkeys(names, "int64")
    save(tf.Module(), make_signatures(raw, weighted_sum(names)), raw, tmp_path / "model")
    predict = tf.saved_model.load(str(tmp_path / "model")).signatures["predict"]
    columns = column_names(tmp_path / "model", predict)
    assert columns == {safe: name for name, safe in safe_names(raw).items()}
    assert sorted(columns.values()) == sorted(names)
    values = {safe: tf.constant([[1 + names.index(name) % 9]], tf.int64) for safe, name in columns.items()}
    expected = sum((1 + index % 9) * 10**index for index in range(len(names)))
    assert predict(**values)["sum"].numpy().tolist() == [[expected]]


def test_a_name_that_needs_no_change_is_kept_and_others_have_a_form_of_their_own() -> None:
    names = ["carrier", "Age", "age", "self", "class", "dep time", "input_5_dep_time", "input", "_x"]
    assert safe_names(names) == {
        "carrier": "carrier",
        "Age": "input_1_Age",
        "age": "input_2_age",
        "self": "input_3_self",
        "class": "input_4_class",
        "dep time": "input_5_dep_time",
        "input_5_dep_time": "input_6_input_5_dep_time",
        "input": "input",
        "_x": "input_8__x",
    }
