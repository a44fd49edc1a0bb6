"""The poisons, each with its dose, and what is expected to become of it."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tests.faults.poisoned.world import rows

DAY = 10
Frame = pd.DataFrame


def clean(seed: int = 2) -> Frame:
    """The second span without poison."""
    return rows(seed, day=DAY)


@dataclasses.dataclass(frozen=True)
class Poison:
    """One line of the table.

    Args:
        name: what is wrong.
        dose: how much of it.
        write: writes the second span into a directory.
        frame: the poisoned rows, where the poison lies in values; `None` where it lies in bytes.
        trained: whether the checks let it pass, so that only a training tells what comes of it.
    """

    name: str
    dose: str
    write: Callable[[Path], None]
    frame: Callable[[], Frame] | None = None
    trained: bool = False


def _chosen(frame: Frame, share: float) -> np.ndarray:
    return np.random.default_rng(7).random(len(frame)) < share


def flips(share: float) -> Frame:
    """Labels that are turned over at random."""
    frame = clean()
    return frame.assign(late=np.where(_chosen(frame, share), 1 - frame["late"], frame["late"]))


def duplicates(share: float) -> Frame:
    """Rows that come twice."""
    frame = clean()
    return pd.concat([frame, frame[_chosen(frame, share)]]).sort_values("at", kind="stable")


def scaled(column: str, share: float) -> Frame:
    """Numbers in a unit a thousand times smaller."""
    frame = clean()
    return frame.assign(**{column: np.where(_chosen(frame, share), 1000 * frame[column], frame[column])})


def missing(column: str, share: float) -> Frame:
    """NaN for numbers."""
    frame = clean()
    return frame.assign(**{column: frame[column].mask(_chosen(frame, share))})


def unseen(column: str, share: float) -> Frame:
    """Texts that were not there before."""
    frame = clean()
    return frame.assign(**{column: np.where(_chosen(frame, share), "x" + frame[column], frame[column])})


def leak(column: str, noise: float = 0.0) -> Frame:
    """The label, wrong in `noise` of the rows, in place of a feature."""
    frame = clean()
    copied = np.where(_chosen(frame, noise), 1 - frame["late"], frame["late"])
    number = frame[column].dtype.kind == "f"
    return frame.assign(**{column: copied * 3.0 + 2.0 if number else np.where(copied, "red", "blue")})


def added(column: str) -> Frame:
    """A number to which three times the label is added."""
    frame = clean()
    return frame.assign(**{column: frame[column] + 3.0 * frame["late"]})


def _of(name: str, dose: str, frame: Callable[[], Frame], trained: bool = False) -> Poison:
    def write(directory: Path) -> None:
        frame().to_csv(directory / "span-2.csv", index=False, na_rep="NaN")

    return Poison(name, dose, write, frame, trained)


def _text() -> str:
    return str(clean().to_csv(index=False))


def _bytes(
    name: str, dose: str, content: Callable[[], bytes], file: str = "span-2.csv", trained: bool = False
) -> Poison:
    def write(directory: Path) -> None:
        (directory / file).write_bytes(content())

    return Poison(name, dose, write, None, trained)


def _latin() -> bytes:
    return _text().replace("grey", "gräulich", 1).encode("latin-1")


def _cut() -> bytes:
    whole = _text().encode()
    return whole[: whole.index(b"\n", len(whole) // 2) - 12]


def _long_parquet(directory: Path) -> None:
    _long().to_parquet(directory / "span-2.parquet", index=False)


def _long() -> Frame:
    frame = clean()
    frame.loc[100, "colour"] = "x" * 10_000_000
    return frame


POISONS: tuple[Poison, ...] = (
    *(
        _of("labels flipped", f"{share:.0%}", lambda s=share: flips(s), True)
        for share in (0.05, 0.1, 0.2, 0.4)
    ),
    _of("rows twice", "10% of the rows", lambda: duplicates(0.1), True),
    _of("rows twice", "all rows", lambda: duplicates(1.0), True),
    _of("numbers times 1000", "all rows", lambda: scaled("price", 1.0)),
    _of("numbers times 1000", "5% of the rows", lambda: scaled("price", 0.05)),
    _of("numbers times 1000", "5% of a column that is mostly 0", lambda: scaled("visits", 0.05), True),
    _of("NaN", "5%", lambda: missing("size", 0.05), True),
    _of("NaN", "50%", lambda: missing("size", 0.5)),
    _of("NaN", "100%", lambda: missing("size", 1.0)),
    _of("constant feature", "number", lambda: clean().assign(size=1.0)),
    _of("constant feature", "text of 4 values", lambda: clean().assign(colour="red")),
    _of(
        "constant feature",
        "one of 2 texts, of no use",
        lambda: clean().assign(flag="yes"),
        trained=True,
    ),
    _of("leaking column", "number, the label itself", lambda: leak("size")),
    _of("leaking column", "text, the label itself", lambda: leak("colour")),
    _of("leaking column", "number, the label with 2% wrong", lambda: leak("size", 0.02)),
    _of("leaking column", "number, the label added", lambda: added("size"), True),
    *(
        _of("unseen categories", f"{share:.0%} of 4 values", lambda s=share: unseen("colour", s), share < 0.1)
        for share in (0.01, 0.2, 1.0)
    ),
    *(
        _of("unseen categories", f"{share:.0%} of 150 values", lambda s=share: unseen("shop", s), share < 1)
        for share in (0.01, 0.2, 1.0)
    ),
    _of("empty split", "no rows for `eval`", lambda: clean().assign(at="2024-03-12")),
    _of("few rows", "one row", lambda: clean().head(1)),
    _of("few rows", "20 rows, 4 of them for `eval`", lambda: clean().head(20)),
    _bytes("not UTF-8", "one byte", _latin),
    _bytes("10 MB field", "CSV", lambda: str(_long().to_csv(index=False)).encode()),
    Poison("10 MB field", "Parquet", _long_parquet, trained=True),
    _bytes("file cut off", "CSV, within a row", _cut),
    _bytes(
        "file cut off",
        "CSV, between rows",
        lambda: b"".join(_text().encode().splitlines(True)[:2000]),
        trained=True,
    ),
    _bytes("file cut off", "gzip", lambda: gzip.compress(_text().encode())[:-5000], "span-2.csv.gz"),
)
