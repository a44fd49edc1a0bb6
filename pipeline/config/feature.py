"""The sections of features and crosses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import Section


class CategoricalFeature(Section):
    """A column of discrete values, read as text."""

    kind: Literal["categorical"] = "categorical"
    encode: Literal["vocabulary", "hash"] = Field(
        default="vocabulary", description="Learn the values from the training data, or hash them."
    )
    min_count: int = Field(default=5, ge=1, description="Vocabulary: least number of rows a value must have.")
    max_size: int | None = Field(
        default=None, ge=1, description="Vocabulary: keep at most this many values, the most frequent."
    )
    oov_buckets: int = Field(
        default=1, ge=1, description="Vocabulary: hash buckets for values that are not in it."
    )
    hash_buckets: int = Field(default=1000, ge=2, description="Hash: number of buckets.")
    embedding_dim: int | None = Field(
        default=None, ge=1, description="Embedding width; by rule from the number of values when not set."
    )
    wide: bool = Field(default=True, description="Use in the wide (linear) part.")
    deep: bool = Field(default=True, description="Use in the deep part, as an embedding.")


class NumericFeature(Section):
    """A column of numbers."""

    kind: Literal["numeric"] = "numeric"
    scale: Literal["quantile", "zscore", "log_zscore", "none"] = Field(
        default="quantile",
        description="`quantile`: (i-1)/(n_q-1) of the training quantiles (Cheng et al. 2016); `zscore`; "
        "`log_zscore` of sign(x) log(1+|x|); `none`.",
    )
    quantiles: int = Field(default=100, ge=2, le=10_000, description="Number of quantiles for `quantile`.")
    buckets: int = Field(
        default=16, ge=0, le=10_000, description="Quantile buckets for the wide part and crosses; 0 for none."
    )
    missing_indicator: bool = Field(
        default=True, description="Give the deep part an input that is 1 where the value is missing."
    )
    embedding_dim: int = Field(
        default=0, ge=0, description="Width of an embedding of the bucket in the deep part; 0 for none."
    )
    wide: bool = Field(default=True, description="Use the bucket in the wide part.")
    deep: bool = Field(default=True, description="Use the scaled value in the deep part.")


TimePart = Literal["minute", "hour", "weekday", "day", "month", "week", "quarter", "year"]


class TimestampFeature(Section):
    """A column of times, read as UTC epoch seconds; its parts act as categorical features `column.part`."""

    kind: Literal["timestamp"] = "timestamp"
    parts: list[TimePart] = Field(
        default=["hour", "weekday"], min_length=1, description="Calendar parts to use, in UTC."
    )
    embedding_dim: int | None = Field(default=None, ge=1, description="Embedding width of each part.")
    wide: bool = Field(default=True, description="Use the parts in the wide part.")
    deep: bool = Field(default=True, description="Use the parts in the deep part.")


UnitKind = Literal["letters", "characters", "words", "tokens", "subwords"]
VocabularySize = Annotated[int, Field(ge=1, le=1_000_000)]
MaxLength = Annotated[int, Field(ge=1, le=4096)]


class TextFeature(Section):
    """A column of text that a sequence task reads unit by unit."""

    kind: Literal["text"] = "text"
    units: UnitKind = Field(
        description="`characters`: code points; `letters`: the same in lower case; `tokens`: divided by "
        "spaces; `words`: runs of word characters, and single marks; `subwords`: learned pieces of words."
    )
    vocabulary_size: VocabularySize | None = Field(
        default=None,
        description="Most units, the most frequent; when not set, 8000 of `subwords` and all of the others.",
    )
    min_count: int = Field(default=1, ge=1, description="How often a unit must occur in the training data.")
    max_length: MaxLength = Field(
        default=128,
        description="Units of the longest text; longer ones are not trained on, and answered for their "
        "beginning.",
    )


Feature = Annotated[
    CategoricalFeature | NumericFeature | TimestampFeature | TextFeature, Field(discriminator="kind")
]


class Cross(Section):
    """An AND-cross of two or more features, hashed (Cheng et al. 2016, phi_k)."""

    columns: list[str] = Field(
        min_length=2,
        max_length=4,
        description="Feature names; numeric ones enter by bucket, timestamp parts as `column.part`.",
    )
    hash_buckets: int = Field(default=1000, ge=2, description="Number of hash buckets.")
    embedding_dim: int = Field(
        default=0, ge=0, description="Width of an embedding of the cross in the deep part; 0 for none."
    )
