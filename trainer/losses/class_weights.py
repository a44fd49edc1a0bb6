"""How much each class counts in the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from absl import logging

from trainer.errors import TandemError


def class_weight_vector(
    setting: str | Mapping[str, float] | None, classes: Sequence[str], class_weight_sums: Sequence[float]
) -> tuple[float, ...] | None:
    """The weight of each class, in the order of the classes.

    `balanced` gives class `c` the weight `total / (classes * sum_c)`, so that every class adds the same to
    the loss. A class without a training row gets weight 0. In a mapping, classes that are not named weigh 1.

    Args:
        setting: `balanced`, a mapping from class name to weight, or None.
        classes: names; empty for regression.
        class_weight_sums: sum of the example weights of each class.

    Returns:
        One weight for each class, or None if `setting` is None.

    Raises:
        TandemError: `TRAIN-301` for regression, `TRAIN-302` for a name that is no class, `TRAIN-303` for a
            weight that is negative, or if no class weighs anything.

    Example:
        >>> class_weight_vector("balanced", ["no", "yes"], [75.0, 25.0])
        (0.6666666666666666, 2.0)
        >>> class_weight_vector({"yes": 3.0}, ["no", "yes"], [75.0, 25.0])
        (1.0, 3.0)

    Reference: King and Zeng 2001, "Logistic Regression in Rare Events Data", section 4.2.
    """
    if setting is None:
        return None
    if not classes:
        raise TandemError(
            "TRAIN-301",
            f"train.class_weights needs a task with classes. Received: {setting} for a regression",
            "Remove train.class_weights, or set data.weight_column.",
            exit_status=2,
        )
    if isinstance(setting, str):
        if setting != "balanced":
            raise TandemError(
                "TRAIN-302",
                f"train.class_weights must be `balanced` or a mapping. Received: {setting}",
                exit_status=2,
            )
        for name, total in zip(classes, class_weight_sums, strict=True):
            if total <= 0:
                logging.warning("Class %s has no training rows: it gets weight 0.", name)
        total = sum(class_weight_sums)
        return tuple(total / (len(classes) * part) if part > 0 else 0.0 for part in class_weight_sums)
    unknown = sorted(set(setting) - set(classes))
    if unknown:
        raise TandemError(
            "TRAIN-302",
            f"train.class_weights must name classes among {list(classes)}. Received: {unknown}",
            exit_status=2,
        )
    weights = tuple(float(setting.get(name, 1.0)) for name in classes)
    effective = sum(weight * part for weight, part in zip(weights, class_weight_sums, strict=True))
    if min(weights) < 0 or not 0 < effective < float("inf"):
        raise TandemError(
            "TRAIN-303",
            "train.class_weights must be finite, not negative, and positive for a class with training rows. "
            f"Received: {dict(setting)}",
            exit_status=2,
        )
    return weights
