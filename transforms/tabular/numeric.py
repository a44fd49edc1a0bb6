"""Numbers: quantile codes, scaled values and missing indicators of a whole matrix at once.

Missing is NaN throughout: the analyzers leave it out, so it distorts neither quantiles nor moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from transforms.tabular.layout import Numeric


def finite(values: Any) -> Any:
    """`values` with infinite numbers (also from overflow of float32) turned into missing ones, NaN."""
    return tf.where(tf.math.is_finite(values), values, tf.constant(float("nan"), values.dtype))


def quantile_codes(values: Any, requests: Sequence[tuple[int, int]]) -> Any:
    """Index of the training quantile that holds each number.

    The code is the number of boundaries that are at most `x`, so a number on a boundary belongs to the
    quantile above it.

    Args:
        values: float32 tensor `(batch, columns)`, NaN where missing.
        requests: pairs of a column and a number of quantiles, at least one pair.

    Returns:
        int64 tensor `(batch, len(requests))`; column `j` is in `[0, quantiles_j)`, and 0 where missing.
    """
    codes: dict[int, Any] = {}
    for count in sorted({count for _, count in requests}):
        chosen = [j for j, (_, requested) in enumerate(requests) if requested == count]
        columns = tf.gather(values, [requests[j][0] for j in chosen], axis=1)
        if count == 1:
            found = tf.zeros_like(columns, tf.int64)
        else:
            found = _codes(tf.ensure_shape(columns, (None, len(chosen))), count)
        codes.update(zip(chosen, tf.unstack(found, num=len(chosen), axis=1), strict=True))
    return tf.stack([codes[j] for j in range(len(requests))], axis=1)


def _codes(columns: Any, count: int) -> Any:
    boundaries = tft.quantiles(
        columns, num_buckets=count, epsilon=min(0.001, 0.1 / count), reduce_instance_dims=False
    )
    boundaries = tf.reshape(boundaries, (columns.shape[1], count - 1))
    present = tf.where(tf.math.is_nan(columns), tf.zeros_like(columns), columns)
    found = tf.searchsorted(boundaries, tf.transpose(present), side="right", out_type=tf.int64)
    found = tf.transpose(found)
    return tf.where(tf.math.is_nan(columns), tf.zeros_like(found), found)


def bucket_ids(values: Any, columns: Sequence[tuple[int, int]]) -> Any:
    """Quantile buckets as ids; a missing number has the bucket after the last.

    Args:
        values: float32 tensor `(batch, columns)`, NaN where missing.
        columns: pairs of a column and its number of buckets, at least one pair.

    Returns:
        int64 tensor `(batch, len(columns))`; column `j` is in `[0, buckets_j]`.
    """
    codes = quantile_codes(values, columns)
    missing = tf.math.is_nan(tf.gather(values, [column for column, _ in columns], axis=1))
    return tf.where(missing, tf.constant([count for _, count in columns], tf.int64), codes)


def scaled(values: Any, columns: Sequence[Numeric]) -> Any:
    """Dense inputs of the deep part.

    `quantile`: `(i - 1) / (n_q - 1)` for a number in the i-th of `n_q` training quantiles; `zscore`:
    `(x - mean) / deviation`; `log_zscore`: the same of `sign(x) log(1 + |x|)`; `none`: `x`. Missing
    becomes 0.5 for `quantile`, 0 for the scores and the training mean for `none`.

    Args:
        values: float32 tensor `(batch, columns)`, NaN where missing.
        columns: the columns of `values`; those with `dense` are used.

    Returns:
        float32 tensor `(batch, dense columns)`, finite.

    Reference: Cheng et al. 2016, arXiv:1606.07792, section 4.1.
    """
    results: dict[int, Any] = {}
    by_quantile = [i for i, c in enumerate(columns) if c.dense and c.scale == "quantile"]
    if by_quantile:
        codes = quantile_codes(values, [(i, columns[i].quantiles) for i in by_quantile])
        tops = tf.constant([columns[i].quantiles - 1 for i in by_quantile], tf.float32)
        missing = tf.math.is_nan(tf.gather(values, by_quantile, axis=1))
        shares = tf.where(missing, 0.5, tf.cast(codes, tf.float32) / tops)
        results.update(zip(by_quantile, tf.unstack(shares, num=len(by_quantile), axis=1), strict=True))
    by_moments = [i for i, c in enumerate(columns) if c.dense and c.scale != "quantile"]
    if by_moments:
        chosen = tf.gather(values, by_moments, axis=1)
        scores = _scores(chosen, [columns[i].scale for i in by_moments])
        results.update(zip(by_moments, tf.unstack(scores, num=len(by_moments), axis=1), strict=True))
    return tf.stack([results[i] for i in sorted(results)], axis=1)


def _scores(values: Any, scales: Sequence[str]) -> Any:
    logarithmic = tf.constant([scale == "log_zscore" for scale in scales])
    raw = tf.constant([scale == "none" for scale in scales])
    values = tf.ensure_shape(tf.cast(values, tf.float64), (None, len(scales)))
    values = tf.where(logarithmic, tf.sign(values) * tf.math.log1p(tf.abs(values)), values)
    mean = tft.mean(values, reduce_instance_dims=False)
    deviation = tf.sqrt(tft.var(values, reduce_instance_dims=False))
    mean = tf.where(tf.math.is_finite(mean), mean, tf.zeros_like(mean))
    # A constant column, or one without values, has no scale: it becomes 0 throughout. Of a constant that
    # comes in several batches, float64 leaves a deviation of about 1e-15 of it.
    usable = tf.math.is_finite(deviation) & (deviation > 1e-9 * tf.abs(mean))
    values = tf.where(tf.math.is_nan(values), mean, values)
    scores = tf.where(usable, (values - mean) / tf.where(usable, deviation, 1.0), 0.0)
    return tf.cast(tf.where(raw, values, scores), tf.float32)


def indicators(values: Any, columns: Sequence[Numeric]) -> Any:
    """float32 tensor `(batch, columns with an indicator)`: 1 where the number is missing, else 0."""
    chosen = [i for i, column in enumerate(columns) if column.indicator]
    return tf.cast(tf.math.is_nan(tf.gather(values, chosen, axis=1)), tf.float32)
