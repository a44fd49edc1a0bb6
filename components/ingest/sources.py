"""Finding the files of a data set and opening them, compressed or not."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from components.ingest.problems import data_error

_COMPRESSION_SUFFIXES: Final = (".gz", ".bz2", ".zip", ".zst")
_FORMAT_OF_SUFFIX: Final = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".tfrecord": "tfrecord", ".tfrecords": "tfrecord",
}  # fmt: skip
_MAGIC: Final = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_READ_ERRORS: Final = (
    OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Source:
    """One file to read.

    Args:
        path: where it is.
        name: how reports and errors call it, relative to the config where possible.
        format: `csv`, `parquet`, `tfrecord` or `lines`.
        split: the split it belongs to, if the split is by files.
        parts: of parallel lines, column and file of each; `path` is the first of them.
    """

    path: Path
    name: str
    format: str
    split: str | None = None
    parts: tuple[tuple[str, Path], ...] = ()


def _unpacked_name(path: Path) -> str:
    name = path.name.lower()
    for suffix in _COMPRESSION_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def format_of(path: Path) -> str | None:
    """The format by file name, compression suffix aside; none if the name tells nothing."""
    name = _unpacked_name(path)
    if "tfrecord" in name:
        return "tfrecord"
    return _FORMAT_OF_SUFFIX.get(Path(name).suffix)


def relative_name(path: Path, base: Path) -> str:
    """`path` relative to `base`, or its plain name if it lies elsewhere."""
    try:
        return path.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        return path.name


def _visible(path: Path, root: Path) -> bool:
    return path.is_file() and not any(part[0] in "._" for part in path.relative_to(root).parts)


def _expand(path: Path, file_format: str) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = [file for file in path.rglob("*") if _visible(file, path)]
    return [file for file in files if file_format != "auto" or is_data(file)]


def is_data(path: Path) -> bool:
    """Whether the name is one of data; `.txt` is more often a note."""
    return format_of(path) is not None and not _unpacked_name(path).endswith(".txt")


def find(pattern: str, file_format: str, base: Path, split: str | None = None) -> list[Source]:
    """Lists the files of a path, directory or glob, in name order.

    In a directory, files and directories that begin with `.` or `_` are passed over, and so are text files
    and files of unknown format when `file_format` is `auto`.

    Raises:
        TandemError: `INGEST-002` if nothing matches.
    """
    full = base / pattern
    if full.exists():
        files = _expand(full, file_format)
    else:
        matches = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207
        files = [file for match in matches for file in _expand(base / match, file_format)]
    if not files:
        kind = "a directory with data files" if full.is_dir() else "at least one file"
        raise data_error(
            "INGEST-002",
            f"expected {kind}. Received: path={pattern}, looked in {base}.",
            f"Correct `data.{'lines' if file_format == 'lines' else 'path'}`; it is relative to the config "
            "file, on Kubeflow to the state volume.",
        )
    return [
        Source(
            path=file,
            name=relative_name(file, base),
            format=file_format if file_format != "auto" else (format_of(file) or _sniff(file)),
            split=split,
        )
        for file in sorted(set(files))
    ]


def _sniff(path: Path) -> str:
    with path.open("rb") as file:
        return "parquet" if file.read(4) == b"PAR1" else "csv"


def damaged(name: str, error: Exception | str) -> Exception:
    """The error for a file that cannot be read to its end."""
    return data_error(
        "INGEST-009",
        f"expected a whole, readable file. Received: file={name} ({error}).",
        "Copy or download it again, or set `data.format`.",
    )


def check_not_empty(source: Source) -> None:
    """Raises `INGEST-003` if the file has no bytes, `INGEST-002` if it is not there."""
    if not source.path.is_file():
        raise data_error("INGEST-002", f"expected a file. Received: {source.name}.")
    if source.path.stat().st_size == 0:
        raise data_error(
            "INGEST-003", f"expected a file with rows. Received: file={source.name}, 0 bytes.",
            "Remove the file or write it again.",
        )  # fmt: skip


@contextlib.contextmanager
def reading(source: Source) -> Iterator[None]:
    """Turns failures of the operating system or of a decompressor into `INGEST-009`."""
    try:
        yield
    except _READ_ERRORS as error:
        raise damaged(source.name, error) from error


def compression_of(path: Path) -> str | None:
    """`zip`, `gzip`, `bz2`, `zstd` or none, by the first bytes and not by the name."""
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


@contextlib.contextmanager
def open_stream(source: Source) -> Iterator[Any]:
    """Opens a file for reading bytes, uncompressed.

    Raises:
        TandemError: `INGEST-009` if a zip archive does not hold exactly one file, or is damaged.
    """
    codec = compression_of(source.path)
    if codec == "zip":
        with contextlib.ExitStack() as opened:
            try:
                archive = opened.enter_context(zipfile.ZipFile(source.path))
                members = [member for member in archive.infolist() if not member.is_dir()]
                if len(members) != 1:
                    raise damaged(source.name, f"a zip archive of {len(members)} files; expected one")
                stream = opened.enter_context(archive.open(members[0]))
            except UnicodeDecodeError as error:
                raise damaged(source.name, "a zip archive with a damaged file name") from error
            yield stream
    elif codec:
        with pa.CompressedInputStream(pa.OSFile(str(source.path)), codec) as stream:
            yield stream
    else:
        # Arrow's file and not Python's: a reader that ends early may leave a thread of Arrow reading.
        with pa.OSFile(str(source.path)) as stream:
            yield stream
