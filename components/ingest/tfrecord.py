"""TFRecord framing: checksums, reading, and writing in shards.

A frame is `uint64 length, uint32 masked crc32c(length), data, uint32 masked crc32c(data)`, little-endian.

Reference: tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import google_crc32c
import numpy as np
import numpy.typing as npt

from trainer.faults import point

_MASK_DELTA: Final = 0xA282EAD8
_GZIP_WINDOW_BITS: Final = 31
_GZIP_LEVEL: Final = 3
SHARD_BYTES: Final = 64 << 20


class FrameError(ValueError):
    """A TFRecord file is cut off or a checksum does not match."""


def masked_crc(data: bytes) -> int:
    """The checksum of TFRecord: CRC-32C, rotated and shifted."""
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def frame_header(length: int) -> bytes:
    """The 12 bytes before a record of `length` bytes."""
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc(packed))


def checksums(records: Any) -> npt.NDArray[np.uint32]:
    """Masked checksums of a binary Arrow array of length `n`; uint32 of shape `(n,)`."""
    raw = np.frombuffer(records.buffers()[1], np.int32, len(records) + 1 + records.offset)
    offsets = raw[records.offset :].tolist()
    data = records.buffers()[2].to_pybytes()
    pieces = [data[start:stop] for start, stop in itertools.pairwise(offsets)]
    crcs = np.fromiter(map(google_crc32c.value, pieces), np.uint32, len(pieces))
    rotated = (crcs >> np.uint32(15)) | (crcs << np.uint32(17))
    return rotated + np.uint32(_MASK_DELTA)


def read_frames(stream: BinaryIO) -> Iterator[bytes]:
    """Yields the records of a TFRecord stream.

    Raises:
        FrameError: if the stream is cut off or a checksum does not match.
    """
    while header := stream.read(12):
        if len(header) < 12:
            raise FrameError("the last record is cut off")
        length, crc = struct.unpack("<QI", header)
        if masked_crc(header[:8]) != crc:
            raise FrameError("the checksum of a record length does not match")
        data = stream.read(length)
        footer = stream.read(4)
        if len(data) < length or len(footer) < 4:
            raise FrameError("the last record is cut off")
        if masked_crc(data) != struct.unpack("<I", footer)[0]:
            raise FrameError("the checksum of a record does not match")
        yield data


class ShardWriter:
    """Writes frames to `prefix-00000`, `prefix-00001`, ...; a new shard begins after `shard_bytes`.

    Args:
        prefix: path without the shard number.
        gzip: whether to compress.
        shard_bytes: uncompressed size after which a shard is closed. Defaults to `67108864`.
    """

    def __init__(self, prefix: Path, gzip: bool, shard_bytes: int = SHARD_BYTES) -> None:
        self._prefix = prefix
        self._gzip = gzip
        self._shard_bytes = shard_bytes
        self._file: BinaryIO | None = None
        self._compressor: Any = None
        self._written = 0
        self.paths: list[Path] = []

    def write(self, frames: Any) -> None:
        """Writes a binary Arrow array of frames; a batch is never cut between shards."""
        if len(frames) == 0:
            return
        if self._file is None:
            self._open()
        assert self._file is not None
        raw = np.frombuffer(frames.buffers()[1], np.int32, len(frames) + 1 + frames.offset)
        start, stop = int(raw[frames.offset]), int(raw[-1])
        data = memoryview(frames.buffers()[2])[start:stop]
        self._file.write(self._compressor.compress(data) if self._gzip else data)
        self._written += stop - start
        if self._written >= self._shard_bytes:
            self.close()

    def _open(self) -> None:
        path = self._prefix.with_name(f"{self._prefix.name}-{len(self.paths):05d}")
        point("ingest.open_shard", path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self.paths.append(path)
        self._written = 0
        if self._gzip:
            self._compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW_BITS)

    def close(self) -> None:
        """Closes the open shard, if any."""
        if self._file is None:
            return
        if self._gzip:
            self._file.write(self._compressor.flush())
        self._file.close()
        point("ingest.write_shard", self.paths[-1], self.paths[-1])
        self._file = None
