"""Publications in object storage, through TensorFlow's file systems."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import Any

from trainer.faults import point


class ObjectStorage:
    """Objects below an address; see `Storage`.

    An object appears whole when its writing ends. There is no creation that excludes others: of two groups
    that take one place in the same moment, the first may find out only when it takes it again. Nothing is
    mixed up meanwhile, as every manifest names its group.

    Args:
        place: `gs://bucket/path`, or anything that `tf.io.gfile` opens.
    """

    look_seconds = 1.0
    """Each look is a request that is paid for."""

    def __init__(self, place: str) -> None:
        # Those who exchange through a directory, and those who only look at a config, never load it.
        import tensorflow as tf

        self._place = place.rstrip("/")
        self._files = tf.io.gfile
        self._errors = tf.errors
        self._made: set[str] = set()

    def names(self, folder: str) -> list[str]:
        """Names of the objects in a folder, in any order; none if it does not exist."""
        with self._typed(folder):
            found = self._absent_as(None, self._files.listdir, self._path(folder))
        return [name.rstrip("/") for name in found or []]

    def size(self, name: str) -> int | None:
        """Bytes of an object, None if it does not exist."""
        with self._typed(name):
            found = self._absent_as(None, self._files.stat, self._path(name))
        return None if found is None else int(found.length)

    def read(self, name: str) -> bytes | None:
        """Content of an object, None if it does not exist."""
        with self._typed(name):
            return self._absent_as(None, self._content, self._path(name))

    def write(self, name: str, content: bytes) -> None:
        """Writes an object, in place of the one that is there."""
        path = self._path(name)
        point("exchange.upload", os.path.basename(path))  # noqa: PTH119 - an address is no path
        with self._typed(name):
            # Objects need no folders, and to make one may need a right to look at the bucket itself.
            if not path.startswith("gs://") and (folder := path.rpartition("/")[0]) not in self._made:
                self._files.makedirs(folder)
                self._made.add(folder)
            with self._files.GFile(path, "wb") as file:
                file.write(content)

    def create(self, name: str, content: bytes) -> bool:
        """Writes an object if it does not exist; False if it does."""
        if self.size(name) is not None:
            return False
        self.write(name, content)
        return True

    def remove(self, name: str) -> None:
        """Removes an object; it may be absent."""
        path = self._path(name)
        point("exchange.remove_object", os.path.basename(path))  # noqa: PTH119 - an address is no path
        with self._typed(name):
            self._absent_as(None, self._files.remove, path)

    def tidy(self, folder: str) -> None:
        """Nothing is left half-written."""

    def _path(self, name: str) -> str:
        return f"{self._place}/{name}" if name else self._place

    def _content(self, path: str) -> bytes:
        with self._files.GFile(path, "rb") as file:
            return bytes(file.read())

    def _absent_as(self, value: Any, call: Any, path: str) -> Any:
        try:
            return call(path)
        except self._errors.NotFoundError:
            return value

    @contextlib.contextmanager
    def _typed(self, name: str) -> Iterator[None]:
        try:
            yield
        except self._errors.OpError as error:
            raise OSError(errno.EIO, error.message, f"{self._place}/{name}") from error
