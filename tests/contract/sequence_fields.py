"""Fields of sequence tasks, and the steps that a change of each runs again."""

from __future__ import annotations

TEXT = """
name: small
task: seq2seq
label: {column: answer, units: characters}
data: {path: data.csv}
features:
  colour: {kind: text, units: characters}
gate: {rules: [{metric: example_count, min: 1}]}
"""

PLAN = frozenset({"transform", "train"})
TRAIN = frozenset({"train"})

# The files of parallel lines are other inputs; the training is told nothing of where rows come from.
LINES = ("data.path=null", "data.lines={colour: data.csv, answer: same.csv}")
TABLE = (
    "task=binary",
    "label={column: answer, classes: ['no', 'yes']}",
    "features={colour: {kind: categorical}}",
)
DECODER = "model.sequence.decoder"
TRANSFORMER = ("model.sequence.decoder={kind: transformer}",)
AUXILIARY = ("train.sequence.auxiliary={task: language_model}",)

# field: (steps, what is changed, what both sides of the comparison have set beforehand)
FIELDS: dict[str, tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]] = {
    "Config.experiment": (TRAIN, ("experiment=attention_rnn_small",), ()),
    "Label.units": (PLAN, ("label.units=letters",), ()),
    "Label.vocabulary_size": (PLAN, ("label.vocabulary_size=9",), ()),
    "Label.min_count": (PLAN, ("label.min_count=9",), ()),
    "Label.max_length": (PLAN, ("label.max_length=9",), ()),
    "Data.lines": (
        frozenset({"ingest", "check"}), ("data.lines={colour: third.csv, answer: same.csv}",), LINES,
    ),
    "TextFeature.kind": (
        PLAN | {"ingest", "schema", "check", "score", "evaluate"}, TABLE,
        ("data.split.key=[colour]", "data.null_values=['']", "push.equality_tolerance=0.0001"),
    ),
    "TextFeature.units": (PLAN, ("features.colour.units=words",), ()),
    "TextFeature.vocabulary_size": (PLAN, ("features.colour.vocabulary_size=9",), ()),
    "TextFeature.min_count": (PLAN, ("features.colour.min_count=9",), ()),
    "TextFeature.max_length": (PLAN, ("features.colour.max_length=9",), ()),
    "Stack.kind": (TRAIN, (f"{DECODER}.kind=transformer",), ()),
    "Stack.layers": (TRAIN, (f"{DECODER}.layers=2",), ()),
    "Stack.units": (TRAIN, (f"{DECODER}.units=64",), ()),
    "Stack.heads": (TRAIN, (f"{DECODER}.heads=2",), ()),
    "Stack.feed_forward": (TRAIN, (f"{DECODER}.feed_forward=9",), TRANSFORMER),
    "Decoding.beam": (TRAIN, ("model.sequence.decoding.beam=9",), ()),
    "Decoding.n_best": (TRAIN, ("model.sequence.decoding.n_best=1",), ()),
    "Decoding.length_normalisation": (TRAIN, ("model.sequence.decoding.length_normalisation=0.3",), ()),
    "Decoding.coverage_penalty": (TRAIN, ("model.sequence.decoding.coverage_penalty=0.3",), ()),
    "Decoding.score_pruning": (TRAIN, ("model.sequence.decoding.score_pruning=0.3",), ()),
    "Decoding.end_margin": (TRAIN, ("model.sequence.decoding.end_margin=0.3",), ()),
    "Decoding.early_stop": (TRAIN, ("model.sequence.decoding.early_stop=false",), ()),
    "SequenceModel.embedding": (TRAIN, ("model.sequence.embedding=9",), ()),
    "SequenceModel.attention": (TRAIN, ("model.sequence.attention=additive",), ()),
    # One vocabulary of both sides is learned by the transform.
    "SequenceModel.shared_embeddings": (PLAN, ("model.sequence.shared_embeddings=all",), ()),
    "SequenceModel.dropout": (TRAIN, ("model.sequence.dropout=0.3",), ()),
    "SequenceModel.quantisation": (TRAIN, ("model.sequence.quantisation=after",), ()),
    "Auxiliary.task": (TRAIN, AUXILIARY, ()),
    "Auxiliary.start": (TRAIN, ("train.sequence.auxiliary.start=0.9",), AUXILIARY),
    "Auxiliary.end": (TRAIN, ("train.sequence.auxiliary.end=0.1",), AUXILIARY),
    "SequenceTrain.batch_tokens": (TRAIN, ("train.sequence.batch_tokens=9",), ()),
    "SequenceTrain.buckets": (TRAIN, ("train.sequence.buckets=2",), ()),
    "SequenceTrain.optimizer": (TRAIN, ("train.sequence.optimizer=sm3",), ()),
    "SequenceTrain.learning_rate": (TRAIN, ("train.sequence.learning_rate=0.3",), ()),
    "SequenceTrain.schedule": (TRAIN, ("train.sequence.schedule=rsqrt",), ()),
    "SequenceTrain.warm_up": (TRAIN, ("train.sequence.warm_up=0.3",), ()),
    "SequenceTrain.momentum": (TRAIN, ("train.sequence.momentum=0.3",), ()),
    "SequenceTrain.beta_2": (TRAIN, ("train.sequence.beta_2=0.3",), ()),
    "SequenceTrain.clip_norm": (TRAIN, ("train.sequence.clip_norm=0.3",), ()),
    "SequenceTrain.weight_decay": (TRAIN, ("train.sequence.weight_decay=0.3",), ()),
    "SequenceTrain.label_smoothing": (TRAIN, ("train.sequence.label_smoothing=0.3",), ()),
    "SequenceTrain.precision": (TRAIN, ("train.sequence.precision=bfloat16",), ()),
}  # fmt: skip
