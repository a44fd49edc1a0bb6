"""The bearer token: read from its file whenever it is needed, shown nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from trainer.errors import TandemError

VARIABLE = "KF_PIPELINES_SA_TOKEN_PATH"
PROJECTED = Path("/var/run/secrets/kubeflow/pipelines/token")


class Token:
    """A token in a file.

    A projected token is replaced in its file before it expires, so it is read anew for every call. What can
    be read only once (a pipe) is kept.

    Args:
        path: the file.

    Raises:
        TandemError: `KFP-311` if the file cannot be read or holds no token.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: str | None = None
        self.value()

    def __repr__(self) -> str:
        return f"Token(path={str(self._path)!r})"

    def value(self) -> str:
        """The token of this moment."""
        if self._kept is not None:
            return self._kept
        try:
            text = self._path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no text"
            raise self._unusable(f"{reason}: path={str(self._path)!r}") from None
        if not text or any(character.isspace() or not character.isprintable() for character in text):
            raise self._unusable(f"{'several words' if text else 'nothing'} in path={str(self._path)!r}")
        if not self._path.is_file():
            self._kept = text
        return text

    @staticmethod
    def _unusable(received: str) -> TandemError:
        return TandemError(
            "KFP-311",
            f"Expected a file with one token. Received: {received}.",
            f"Name it with --token-file FILE; in a pod, mount the projected token and set {VARIABLE}.",
            exit_status=2,
        )


def found(given: Path | None, environment: Mapping[str, str] = os.environ) -> Token | None:
    """The token of `given`, else of `KF_PIPELINES_SA_TOKEN_PATH`, else the projected one, else none."""
    if given is not None:
        return Token(given)
    if environment.get(VARIABLE):
        return Token(Path(environment[VARIABLE]))
    return Token(PROJECTED) if PROJECTED.exists() else None
