"""What the sample says about the columns together: order, leakage, importance, crosses."""

from __future__ import annotations

import dataclasses

import numpy as np

from pipeline.init import codes, crosses, kinds, leakage
from pipeline.init.checks import known_share
from pipeline.init.column import Column, Ints
from pipeline.init.crosses import Suggested
from pipeline.init.leakage import Power
from pipeline.init.target import Target

_ORDER_SEED = 1
_SAME_TIME = 0.999
_MOVED_SHARE = 0.5
_LEAKAGE_VALUES = 5_000
_CROSS_VALUES = 200
_CROSS_BINS = 12
_CROSS_NUMBERS = 14
_CODE_GAIN = 0.003
_CODE_SMOOTHING = 20.0


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of the sample that have a label: those that stand for training, then those for evaluation.

    Args:
        order: `(rows,)`, positions among the labelled rows, by time or shuffled.
        train: how many of them stand for training.
        by_time: whether they are in order of time.
    """

    order: Ints
    train: int
    by_time: bool

    @property
    def fitted(self) -> Ints:
        """Positions in the ordered rows that stand for training."""
        return np.arange(self.train)

    @property
    def evaluated(self) -> Ints:
        """Positions in the ordered rows that stand for evaluation."""
        return np.arange(self.train, len(self.order))


def clear_time(times: list[Column]) -> str | None:
    """The column that says when a row was made, if there is no doubt.

    It has no gaps, and all other columns of times rise with it; the one with the most values is taken.
    """
    finest = max(times, key=lambda column: column.distinct, default=None)
    if finest is None or finest.numbers is None or finest.distinct <= 20:
        return None
    for column in times:
        if column.missing or column.numbers is None:
            return None
        if column.distinct > 1 and np.corrcoef(finest.numbers, column.numbers)[0, 1] < _SAME_TIME:
            return None
    return finest.name


def arrange(time: Column | None, labelled: Ints, eval_fraction: float) -> Rows:
    """Orders the rows at positions `labelled` as the split will: by `time` if there is one, else shuffled."""
    rows = len(labelled)
    if time is not None and time.numbers is not None:
        order = labelled[np.argsort(np.nan_to_num(time.numbers[labelled], nan=-np.inf), kind="stable")]
    else:
        order = labelled[np.random.default_rng(_ORDER_SEED).permutation(rows)]
    return Rows(order, max(1, min(rows - 1, round(rows * (1 - eval_fraction)))), time is not None)


def drop_moving(columns: list[Column], rows: Rows) -> None:
    """Drops columns that only ever show new values in the newest rows, such as a year or a counter."""
    if not rows.by_time:
        return
    for column in columns:
        if column.kind in ("categorical", "numeric") and not column.hashed:
            share = known_share(column, rows.fitted, rows.evaluated)
            if share < _MOVED_SHARE:
                column.drop(
                    f"it moves with time: {1 - share:.0%} of the newest rows have values not seen before"
                )


def recognise_codes(columns: list[Column], target: Target, rows: Rows) -> None:
    """Turns whole numbers into categories where each value says more than its place in the order.

    Flight numbers and postal codes are numbers of that sort. The test is the label: single values must
    explain clearly more of it than quantile bins do, in rows they were not fitted on.
    """
    outputs = target.outputs()[rows.order]
    classes, binary = target.task != "regression", target.task == "binary"
    for column in columns:
        many = column.distinct > kinds.MAX_CODES and column.distinct * 5 <= len(outputs)
        if column.kind != "numeric" or not column.integers or not many:
            continue
        single = dataclasses.replace(column, kind="categorical")
        values, order = codes.binned(single, 0, _LEAKAGE_VALUES), codes.binned(column, 64, 0)
        by_value = leakage.power(values, outputs, classes, binary, _CODE_SMOOTHING, rows.by_time)
        by_order = leakage.power(order, outputs, classes, binary, _CODE_SMOOTHING, rows.by_time)
        if by_value.explained > 1.1 * max(by_order.explained, 0.0) + _CODE_GAIN:
            column.kind = "categorical"
            column.hashed = column.distinct > kinds.MAX_VOCABULARY


def powers(columns: list[Column], target: Target, rows: Rows) -> dict[str, Power]:
    """Single-column power of each feature; of a time, by its parts and by being missing."""
    outputs = target.outputs()[rows.order]
    classes, binary = target.task != "regression", target.task == "binary"
    bins = max(4, min(64, len(outputs) // 20))
    found = {}
    for column in columns:
        if column.kind == "timestamp":
            assert column.numbers is not None
            kinds = [np.isnan(column.numbers).astype(np.int64), *codes.parts(column).values()]
        else:
            kinds = [codes.binned(column, bins, _LEAKAGE_VALUES)]
        results = [leakage.power(kind, outputs, classes, binary) for kind in kinds]
        found[column.name] = max(results, key=lambda power: (power.auc or 0.0, power.explained))
    return found


def suggest_crosses(
    columns: list[Column], found: dict[str, Power], target: Target, rows: Rows
) -> list[Suggested]:
    """Crosses of columns that are not suspicious, from the rows that stand for training.

    Numbers are limited to the most telling ones, so that they do not crowd out the categories.
    """
    outputs = target.outputs()[rows.order][: rows.train]
    coded: dict[str, Ints] = {}
    importance: dict[str, float] = {}
    best = sorted(columns, key=lambda column: -found[column.name].explained)
    numbers = [column.name for column in best if column.kind == "numeric"]
    for column in best:
        if found[column.name].level or column.name in numbers[_CROSS_NUMBERS:]:
            continue
        if column.kind == "timestamp":
            named = {f"{column.name}.{part}": values for part, values in codes.parts(column).items()}
        else:
            named = {column.name: codes.binned(column, _CROSS_BINS, _CROSS_VALUES)}
        for name, values in named.items():
            coded[name] = values[: rows.train]
            importance[name] = found[column.name].explained
    suggested = crosses.suggest(coded, importance, outputs, target.task != "regression", rows.by_time)
    return [dataclasses.replace(cross, cells=_cells(cross, columns, coded)) for cross in suggested]


def _cells(cross: Suggested, columns: list[Column], coded: dict[str, Ints]) -> int:
    """Different pairs of values, rare values told apart."""
    by_name = {column.name: column for column in columns if column.kind == "categorical"}
    one, other = (
        by_name[name].codes[: len(coded[name])] + 1 if name in by_name else coded[name]
        for name in cross.columns
    )
    return len(np.unique(one * (int(other.max()) + 1) + other))
