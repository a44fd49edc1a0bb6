"""The typed configuration: the one source of every knob.

Every field has a default and a description; unknown keys are refused. The models are frozen and
round-trip through YAML text. Inner rooms never see these classes: they receive plain dictionaries
made by `model_dump(mode="json")`.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline.config.base import Fraction, Name, Section, Text, Units
from pipeline.config.codistillation import Codistillation as Codistillation
from pipeline.config.complete import complete
from pipeline.config.data import Data as Data
from pipeline.config.data import Split as Split
from pipeline.config.feature import CategoricalFeature as CategoricalFeature
from pipeline.config.feature import Cross as Cross
from pipeline.config.feature import Feature as Feature
from pipeline.config.feature import MaxLength, UnitKind, VocabularySize
from pipeline.config.feature import NumericFeature as NumericFeature
from pipeline.config.feature import TextFeature as TextFeature
from pipeline.config.feature import TimePart as TimePart
from pipeline.config.feature import TimestampFeature as TimestampFeature
from pipeline.config.kubeflow import Kubeflow as Kubeflow
from pipeline.config.push import Push as Push
from pipeline.config.sequence import SequenceModel as SequenceModel
from pipeline.config.sequence import SequenceTrain as SequenceTrain

CROSS_FIELD = "cross_field"


class Label(Section):
    """The column to predict."""

    column: str = Field(description="Name of the label column.")
    classes: list[Text] = Field(
        default=[],
        description="Label values as text, in the order of their index; empty for regression. "
        "For a binary task the second one is the positive class.",
    )
    missing: Literal["drop", "error"] = Field(
        default="drop",
        description="What to do with a row whose label is missing: `drop` leaves it out and counts it, "
        "`error` stops the run.",
    )
    units: UnitKind | None = Field(
        default=None,
        description="Sequence tasks: units of the text, see a feature with `kind: text`; required there.",
    )
    vocabulary_size: VocabularySize | None = Field(
        default=None,
        description="Sequence tasks: most units; when not set, 8000 of `subwords` and all of the others.",
    )
    min_count: int = Field(
        default=1, ge=1, description="Sequence tasks: how often a unit must occur in the training data."
    )
    max_length: MaxLength = Field(
        default=128,
        description="Sequence tasks: units of the longest text that is trained on, or written in answer.",
    )


class Wide(Section):
    """The wide part: a linear model over sparse ids, trained with FTRL-Proximal and L1."""

    enabled: bool = Field(default=True, description="Switch the wide part on.")
    learning_rate: float = Field(default=0.05, gt=0, description="FTRL learning rate.")
    l1: float = Field(default=0.001, ge=0, description="FTRL L1 strength.")
    l2: float = Field(default=0.001, ge=0, description="FTRL L2 strength.")
    initial_accumulator: float = Field(default=0.1, ge=0, description="Start value of the accumulators.")


class Deep(Section):
    """The deep part: embeddings and dense inputs through ReLU layers, trained with AdaGrad or SM3."""

    enabled: bool = Field(default=True, description="Switch the deep part on.")
    hidden: list[Units] = Field(default=[128, 64], description="Units of the hidden layers.")
    optimizer: Literal["adagrad", "sm3"] = Field(
        default="adagrad",
        description="`sm3` keeps one number for each row and column instead of one for each parameter.",
    )
    learning_rate: float = Field(default=0.02, gt=0, description="Learning rate.")
    warm_up: Fraction = Field(
        default=0.0,
        description="Share of the planned steps in which the rate rises with the square of the step.",
    )
    momentum: Fraction = Field(
        default=0.9,
        description="SM3 only: average of the steps, for kernels and biases; 0 saves a number for each.",
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="Times the rate, the share of a weight taken off at each step; of embeddings only in "
        "rows of the batch, of biases nothing.",
    )
    initial_accumulator: float = Field(default=0.1, ge=0, description="Start value of the accumulators.")
    dropout: Fraction = Field(default=0.1, description="Dropout after each hidden layer.")
    embedding_dropout: Fraction = Field(
        default=0.0, description="Share of whole embeddings dropped in training."
    )
    embedding_l2: float = Field(
        default=0.0, ge=0, description="L2 penalty on the embedding rows of the batch, per example."
    )
    l2: float = Field(default=0.0, ge=0, description="L2 penalty on the hidden kernels.")
    max_embedding_dim: int = Field(
        default=32, ge=1, description="Cap of the rule `round(1.6 * values ** 0.56)` for embedding widths."
    )


class Linear(Section):
    """A second linear model over the ids of the wide part, trained on its own loss beside the joint model.

    The served logit is `(1 - weight) * (wide + deep) + weight * linear`. Strongly regularised, it holds up
    where the deep part has to extrapolate, such as a season it has not seen.
    """

    weight: Fraction = Field(default=0.0, description="Its share of the served logit; 0 for none.")
    learning_rate: float = Field(default=1.0, gt=0, description="FTRL learning rate.")
    l1: float = Field(default=0.0005, ge=0, description="FTRL L1 strength.")
    l2: float = Field(default=0.1, ge=0, description="FTRL L2 strength.")
    initial_accumulator: float = Field(default=0.1, ge=0, description="Start value of the accumulators.")


class Model(Section):
    """Wide & Deep (Cheng et al. 2016), either part of which can be off; or the model of a sequence task."""

    wide: Wide = Field(default=Wide(), description="The wide part.")
    deep: Deep = Field(default=Deep(), description="The deep part.")
    linear: Linear = Field(default=Linear(), description="A linear model of its own beside both.")
    sequence: SequenceModel | None = Field(
        default=None, description="Sequence tasks, where it is never null: encoder and decoder."
    )


class EarlyStopping(Section):
    """Stop when the validation loss no longer falls; the best weights are kept."""

    enabled: bool = Field(default=True, description="Watch the validation loss.")
    patience: int = Field(default=3, ge=1, description="Evaluations without improvement before stopping.")
    min_delta: float = Field(default=0.0, ge=0, description="Least fall that counts as improvement.")


class BiTempered(Section):
    """The bi-tempered logistic loss (Amid et al. 2019), which limits what a wrong label can do.

    Below 1 `t1` bounds the loss of an example, so that one far from its class counts less; above 1 `t2` gives
    probabilities heavier tails, so that one near the border counts less. At `(1, 1)` it is the log loss.
    """

    t1: float = Field(default=0.8, ge=0, le=1, description="Temperature of the logarithm.")
    t2: float = Field(default=1.2, ge=1, le=10, description="Temperature of the exponential.")
    label_smoothing: Fraction = Field(
        default=0.0, description="Share of the label spread over the other classes."
    )
    ramp: Fraction = Field(
        default=0.0,
        description="Share of the planned steps in which the temperatures move from (1, 1) to theirs.",
    )


class Train(Section):
    """The training loop."""

    batch_size: int = Field(default=512, ge=1, description="Examples per step, over all devices.")
    epochs: float = Field(default=5, gt=0, description="Most passes over the training split.")
    evaluations_per_epoch: int = Field(default=2, ge=1, description="Validation evaluations in each epoch.")
    seed: int = Field(default=1, ge=0, description="Seed of initial weights, order and dropout.")
    early_stopping: EarlyStopping = Field(default=EarlyStopping(), description="Early stopping.")
    learning_rate_decay: Literal["none", "linear", "cosine", "cool_down"] = Field(
        default="none",
        description="Decay of all learning rates to 0 over the planned steps; `cool_down` in the last tenth.",
    )
    weight_averaging: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decay of an average of the dense weights that is evaluated and exported; 0 for none.",
    )
    calibrate: bool = Field(
        default=False,
        description="Fit scale and shift of the logits on the validation split and export them.",
    )
    loss: Literal["auto", "bi_tempered"] = Field(
        default="auto",
        description="`auto`: log loss for classes, squared error for a regression. With `bi_tempered` the "
        "model serves the tempered probabilities that the loss means.",
    )
    bi_tempered: BiTempered = Field(default=BiTempered(), description="Temperatures of that loss.")
    class_weights: Literal["balanced"] | dict[str, float] | None = Field(
        default=None, description="Weight of each class in the loss: `balanced`, a mapping, or none."
    )
    checkpoint_every_steps: int = Field(default=500, ge=1, description="Steps between checkpoints.")
    warm_start: Literal["none", "keep", "decay", "reset"] = Field(
        default="none",
        description="Start from the weights of the served model, rows by token, and take the optimizers' "
        "accumulators over (`keep`), halfway back to their start value (`decay`) or not (`reset`).",
    )
    device: Literal["auto", "cpu", "gpu", "tpu"] = Field(
        default="auto", description="Where to train; `auto` takes a TPU, then GPUs, then the CPU."
    )
    jit_compile: bool | None = Field(
        default=None,
        description="Compile the train step with XLA; when not set, on a TPU and on a single GPU only. "
        "Several GPUs cannot.",
    )
    sequence: SequenceTrain | None = Field(
        default=None, description="Sequence tasks, where it is never null: batches, optimizer, schedule."
    )
    codistillation: Codistillation | None = Field(
        default=None, description="Train a group of replicas that teach each other; null: one training."
    )


class Drift(Section):
    """Limits of distance between distributions; infinity norm for categories, Jensen-Shannon for numbers."""

    skew: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Limit between the `train` and the `eval` split; none: only reported.",
    )
    drift: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Limit between this span and the one before; none: only reported.",
    )


class Check(Section):
    """Data checks before training."""

    drift: Drift = Field(default=Drift(), description="Drift and skew.")
    min_domain_mass: float = Field(
        default=0.95, gt=0, le=1, description="Least share of known values in a categorical column."
    )
    max_missing_increase: float = Field(
        default=0.1, ge=0, le=1, description="Most by which a column's share of missing values may grow."
    )
    min_rows: int = Field(
        default=10,
        ge=1,
        description="Least number of rows in `train` and in `eval`; a `validation` with fewer is a warning.",
    )
    outlier_iqr: float = Field(
        default=20.0,
        gt=0,
        description="A number further than this many interquartile ranges from the quartiles is reported; "
        "where both quartiles are 0, one this many times the root mean square of the other numbers but 0.",
    )
    breaks: bool = Field(
        default=True,
        description="Stop when a column broke since the newest run on other data: numbers far beyond all "
        "earlier ones, few values only, frequent new texts, a copy of the label. `false` lets it through.",
    )


class Evaluate(Section):
    """Metrics overall and by slice, of the candidate and the baseline, by TFMA."""

    slices: list[list[str]] = Field(
        default=[],
        description="Each entry names the columns of one slicing, for example `[[origin], [carrier]]`. "
        "A row that lacks one of them is in no slice of that slicing; the overall metrics count it. A "
        "sequence task has `source_length` too, in ranges.",
    )
    confidence_intervals: bool = Field(
        default=False,
        description="Poisson bootstrap intervals (95%); about twenty times the evaluation work.",
    )
    min_slice_size: int = Field(
        default=100,
        ge=1,
        description="Slices with fewer rows, or sources of a sequence task, are reported but not gated.",
    )


class Rule(Section):
    """One condition of the gate. Fails closed: a missing or non-finite value fails the rule."""

    metric: str = Field(
        description="Metric name, for example `log_loss`, `auc`, `rmse`, `wer`, `bleu`, `latency_p99_ms`."
    )
    min: float | None = Field(default=None, description="Least allowed value.")
    max: float | None = Field(default=None, description="Greatest allowed value.")
    better_than: Literal["prior", "baseline"] | None = Field(
        default=None,
        description="Compare with the constant prediction, or with the newest blessed model "
        "(skipped and recorded when there is none; fails when its inputs or classes are others).",
    )
    by_at_least: float = Field(
        default=0.0,
        description="How much better it must be; negative allows being worse by that much.",
    )
    slices: list[str] | None = Field(
        default=None,
        description="Columns of one slicing of `evaluate.slices`: the rule holds for each of its slices.",
    )


class Gate(Section):
    """What a model must show to be pushed: every rule must hold."""

    rules: list[Rule] = Field(
        default=[], description="The rules; empty is refused, so nothing is pushed unchecked."
    )


class Beam(Section):
    """Beam runner and options."""

    runner: str = Field(default="FnApiRunner", description="Beam runner; the in-memory one by default.")
    options: list[str] = Field(default=[], description="Further Beam options, as on a command line.")


class Config(Section):
    """A pipeline: data, features, model, training, checks, evaluation, gate and push."""

    name: Name = Field(description="Name of the pipeline and of the served model.")
    experiment: str | None = Field(
        default=None, description="Name of an experiment whose values stand below those of this file."
    )
    task: Literal["binary", "multiclass", "regression", "seq2seq", "language_model"] = Field(
        description="What is predicted: a class, a number, a text from a text, or the next unit of a text."
    )
    label: Label = Field(description="The label.")
    data: Data = Field(default=Data(), description="The data.")
    features: dict[str, Feature] = Field(
        default={},
        description="The feature columns, by name: one or more; exactly one text for `seq2seq`, none for "
        "`language_model`.",
    )
    crosses: list[Cross] = Field(default=[], description="Feature crosses of the wide part.")
    model: Model = Field(default=Model(), description="The model.")
    train: Train = Field(default=Train(), description="Training.")
    check: Check = Field(default=Check(), description="Data checks.")
    evaluate: Evaluate = Field(default=Evaluate(), description="Evaluation.")
    gate: Gate = Field(default=Gate(), description="The gate.")
    push: Push = Field(default=Push(), description="The push.")
    beam: Beam = Field(default=Beam(), description="Beam.")
    kubeflow: Kubeflow = Field(default=Kubeflow(), description="Kubeflow Pipelines.")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_task(cls, values: Any) -> Any:
        return complete(values)

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        from pipeline.config.checks import cross_field_problems  # it reads these classes

        problems = cross_field_problems(self.model_dump(mode="json"))
        if problems:
            text = "\n".join(problem.text() for problem in problems)
            raise PydanticCustomError(CROSS_FIELD, "{problems}", {"problems": text})
        return self
