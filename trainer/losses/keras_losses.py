"""The bi-tempered loss for `model.compile`."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras.src import backend

from trainer.losses.bi_tempered import bi_tempered_binary_logistic_loss, bi_tempered_logistic_loss
from trainer.losses.labels import check_smoothing
from trainer.losses.ramp import Ramp
from trainer.losses.temperature import check_t1, check_t2


class _Tempered(keras.losses.Loss):
    """What both share: temperatures, smoothing and a ramp."""

    def __init__(
        self,
        t1: float,
        t2: float,
        label_smoothing: float,
        reduction: str | None,
        name: str,
        dtype: str | keras.DTypePolicy | None,
    ) -> None:
        check_t1(t1)
        check_t2(t2)
        check_smoothing(label_smoothing)
        chosen = keras.dtype_policies.get(dtype or keras.config.floatx()).compute_dtype
        # Keras casts labels too: half precision has no class index above 2,048 or 256.
        super().__init__(
            name=name, reduction=reduction, dtype="float32" if tf.as_dtype(chosen).size < 4 else chosen
        )
        self.t1, self.t2, self.label_smoothing = float(t1), float(t2), float(label_smoothing)
        self.ramp: Ramp | None = None
        """Set by `TemperatureRamp`."""

    def get_config(self) -> dict[str, Any]:
        own = {"t1": self.t1, "t2": self.t2, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own, "dtype": self.dtype}

    def _losses(self, function: Any, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        def at(t1: Any, t2: Any) -> tf.Tensor:
            return function(labels, logits, t1, t2, self.label_smoothing)

        return at(self.t1, self.t2) if self.ramp is None else self.ramp.apply(at, self.t1, self.t2)


@keras.saving.register_keras_serializable(package="tandem")
class BiTempered(_Tempered):
    """The bi-tempered logistic loss of logits of more than two classes, or two with a logit each.

    What the model then means by its logits is `tempered_softmax(logits, t2)`, not their softmax.

    Args:
        t1: float in `[0, 2)`, the temperature of the logarithm; below 1 the loss is bounded.
        t2: float above 0, the temperature of the probabilities; above 1 they have heavy tails.
        label_smoothing: float in `[0, 1)`, the share that the other classes get. Defaults to `0.0`.
        ignore_class: int or None. Class index whose examples count nothing, as in
            `keras.losses.SparseCategoricalCrossentropy`: a mean is that of the others. Defaults to `None`.
        reduction: as in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: str. Defaults to `"bi_tempered"`.
        dtype: type or policy of the arithmetic, at least float32; None for that of Keras. Defaults to
            `None`.

    Call arguments:
        y_true: class indices `(...)` or `(..., 1)`, or distributions `(..., classes)`.
        y_pred: logits `(..., classes)`.
        sample_weight: as in Keras.

    Raises:
        ValueError: if a temperature or `label_smoothing` is out of range; in a call as
            `bi_tempered_logistic_loss`, and for distributions with `ignore_class`.

    Example:
        >>> loss = BiTempered(0.8, 1.2)
        >>> round(float(loss(tf.constant([0, 1]), tf.constant([[0.0, 0.0], [0.0, 0.0]]))), 4)
        0.5394

    Reference: Amid, Warmuth, Anil, Koren, 2019, arXiv:1906.03361, equation 4.
    """

    def __init__(
        self,
        t1: float,
        t2: float,
        label_smoothing: float = 0.0,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str = "bi_tempered",
        dtype: str | keras.DTypePolicy | None = None,
    ) -> None:
        super().__init__(t1, t2, label_smoothing, reduction, name, dtype)
        self.ignore_class = ignore_class

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        if y_true.shape.rank == y_pred.shape.rank and y_true.shape[-1] == 1 != y_pred.shape[-1]:
            y_true = tf.squeeze(y_true, -1)
        if self.ignore_class is None:
            return self._losses(bi_tempered_logistic_loss, y_true, y_pred)
        if y_true.shape.rank == y_pred.shape.rank:
            raise ValueError(
                f"ignore_class needs class indices. Received: ignore_class={self.ignore_class} and labels of "
                f"shape {y_true.shape} for logits of shape {y_pred.shape}"
            )
        counts = y_true != tf.cast(self.ignore_class, y_true.dtype)
        labels = tf.where(counts, y_true, tf.zeros_like(y_true))
        logits = tf.where(counts[..., None], y_pred, tf.zeros_like(y_pred))
        losses = self._losses(bi_tempered_logistic_loss, labels, logits)
        losses = tf.where(counts, losses, tf.zeros_like(losses))
        backend.set_keras_mask(losses, mask=counts)
        return losses

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ignore_class": self.ignore_class}


@keras.saving.register_keras_serializable(package="tandem")
class BinaryBiTempered(_Tempered):
    """The bi-tempered logistic loss of one logit for each yes-or-no label; the mean over the last axis.

    What the model then means by its logits is `tempered_sigmoid(logits, t2)`, not their sigmoid.

    Args:
        t1: float in `[0, 2)`, the temperature of the logarithm; below 1 the loss is bounded.
        t2: float above 0, the temperature of the probabilities; above 1 they have heavy tails.
        label_smoothing: float in `[0, 1)`, the share that the other class gets. Defaults to `0.0`.
        reduction: as in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: str. Defaults to `"binary_bi_tempered"`.
        dtype: type or policy of the arithmetic, at least float32; None for that of Keras. Defaults to
            `None`.

    Call arguments:
        y_true: in `[0, 1]`, of the shape of the logits, or without their last axis if that has one output.
        y_pred: logits `(batch,)` or `(..., outputs)`.
        sample_weight: as in Keras.

    Raises:
        ValueError: if a temperature or `label_smoothing` is out of range; in a call as
            `bi_tempered_binary_logistic_loss`.

    Example:
        >>> loss = BinaryBiTempered(0.8, 1.2)
        >>> round(float(loss(tf.constant([0.0, 1.0]), tf.constant([[0.0], [0.0]]))), 4)
        0.5394

    Reference: Amid, Warmuth, Anil, Koren, 2019, arXiv:1906.03361, equation 4, for two classes.
    """

    def __init__(
        self,
        t1: float,
        t2: float,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_bi_tempered",
        dtype: str | keras.DTypePolicy | None = None,
    ) -> None:
        super().__init__(t1, t2, label_smoothing, reduction, name, dtype)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        if y_true.shape.rank == y_pred.shape.rank - 1 and y_pred.shape[-1] == 1:
            y_true = y_true[..., None]
        elif y_pred.shape.rank == y_true.shape.rank - 1 and y_true.shape[-1] == 1:
            y_pred = y_pred[..., None]
        losses = self._losses(bi_tempered_binary_logistic_loss, y_true, y_pred)
        return tf.reduce_mean(losses, -1) if losses.shape.rank > 1 else losses
