"""Publications in a directory, on this machine's disk or on a mounted one."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from trainer.faults import point
from trainer.storage import fsync_directory, remove_unfinished, write_atomic

# What file systems without hard links answer, among them those that show object storage as files.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


class LocalStorage:
    """Files below a directory; see `Storage`.

    Args:
        place: made when something is first written.

    Example:
        >>> with tempfile.TemporaryDirectory() as place:
        ...     storage = LocalStorage(place)
        ...     storage.write("replica-0/a", b"1"), storage.create("replica-0/a", b"2")
        ...     storage.names("replica-0"), storage.read("replica-0/a"), storage.size("replica-0/b")
        (None, False)
        (['a'], b'1', None)
    """

    look_seconds = 0.1
    """A folder is listed in far less."""

    def __init__(self, place: str | Path) -> None:
        self._place = Path(place).absolute()

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, in any order; none if it does not exist."""
        try:
            return os.listdir(self._place / folder)  # noqa: PTH208 - names are wanted, not paths
        except FileNotFoundError:
            return []

    def size(self, name: str) -> int | None:
        """Bytes of a file, None if it does not exist."""
        try:
            return (self._place / name).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes | None:
        """Content of a file, None if it does not exist."""
        try:
            return (self._place / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Writes a file whole, in place of the one that is there; folders are made."""
        write_atomic(self._place / name, content)

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file if it does not exist; False if it does.

        The file appears whole, except where there are no hard links: there a reader can meet it empty.
        """
        path = self._place / name
        point("exchange.create", path)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(".unfinished", f".{path.name}.", path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            point("exchange.created", path)
            try:
                path.hardlink_to(temporary)
            except (FileExistsError, FileNotFoundError):
                # Absent is the temporary file, which another process tidied up as it had the claim already.
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return _create_directly(path, content)
        finally:
            Path(temporary).unlink(missing_ok=True)
        fsync_directory(path.parent)
        return True

    def remove(self, name: str) -> None:
        """Removes a file; it may be absent."""
        path = self._place / name
        point("exchange.remove", path)
        path.unlink(missing_ok=True)

    def tidy(self, folder: str) -> None:
        """Removes what killed writers left half-written in a folder."""
        with contextlib.suppress(FileNotFoundError):
            remove_unfinished(self._place / folder)


def _create_directly(path: Path, content: bytes) -> bool:
    point("exchange.create_directly", path)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
