"""Where publications lie: one small interface, and what stands behind an address."""

from __future__ import annotations

from typing import Protocol

from trainer.codistillation.exchange.local import LocalStorage
from trainer.codistillation.exchange.objects import ObjectStorage
from trainer.errors import TandemError


class Storage(Protocol):
    """Files in folders below one place. Names are relative, with forward slashes.

    A method raises `OSError` if the place does not answer, is full, broken or forbidden.
    """

    @property
    def look_seconds(self) -> float:
        """Time between two looks at a folder."""

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, in any order; none if it does not exist."""

    def size(self, name: str) -> int | None:
        """Bytes of a file, None if it does not exist."""

    def read(self, name: str) -> bytes | None:
        """Content of a file, None if it does not exist."""

    def write(self, name: str, content: bytes) -> None:
        """Writes a file whole, in place of the one that is there; folders are made."""

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file if it does not exist; False if it does."""

    def remove(self, name: str) -> None:
        """Removes a file; it may be absent."""

    def tidy(self, folder: str) -> None:
        """Removes what killed writers left half-written in a folder."""


def storage_at(place: str) -> Storage:
    """The storage behind an address.

    Args:
        place: a directory that every replica sees, or `gs://bucket/path`.

    Returns:
        The storage; nothing is read or written yet.

    Raises:
        TandemError: `CODIST-003` if the address is of any other kind.
    """
    scheme, separator, _ = place.partition("://")
    if not separator and place:
        return LocalStorage(place)
    if scheme == "gs":
        return ObjectStorage(place)
    raise TandemError(
        "CODIST-003",
        f"Expected a directory or an address in gs:// for the exchange. Received: directory={place!r}",
        "Give a directory on a volume that every replica mounts, or gs://BUCKET/PATH.",
        exit_status=2,
    )
