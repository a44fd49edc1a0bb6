"""The feature specification that the trainer is told, by the task of the transform plan."""

from __future__ import annotations

import json
from typing import Any, get_args

from trainer.spec import FeatureSpec, SequenceFeatureSpec, SequenceTask
from transforms import tabular, text


def resolve(transform_graph_dir: str, plan: str) -> dict[str, Any]:
    """What a run specification says of the features.

    Args:
        transform_graph_dir: directory of the transform graph.
        plan: JSON of the plan it was made with.

    Returns:
        Arguments of `trainer.loop.RunSpec`: `features`, and for a table `tokens` and `encodings`.
    """
    content = json.loads(plan)
    if content["task"] in get_args(SequenceTask):
        found = text.sequence_feature_spec(transform_graph_dir, content)
        return {"features": SequenceFeatureSpec.from_json(found)}
    found = tabular.feature_spec(transform_graph_dir, content)
    learned = found["vocabulary_files"]
    known = tabular.vocabularies(transform_graph_dir) if learned else {}
    return {
        "features": FeatureSpec.from_json(found),
        "tokens": {name: tuple(known.get(name, ())) for name in learned},
        "encodings": tabular.encodings(plan),
    }
