"""A serving directory and a registry with small models, and faults at their file operations."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from components.push import manifest, registry
from components.push.push import PushResult, push
from components.push.rollback import RollbackResult, rollback
from trainer import storage

NAME = "demo"


def make_model(directory: Path, seed: int, size: int = 2000) -> Path:
    """Files laid out as a SavedModel; equal seeds give equal files."""
    data = hashlib.sha256(str(seed).encode()).digest()
    files = {
        "saved_model.pb": data,
        "fingerprint.pb": b"f",
        "variables/variables.index": data * 2,
        "variables/variables.data-00000-of-00001": data * (size // 32),
        "assets/vocabulary.txt": b"a\nb\n",
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory


def digest(model_dir: Path) -> str:
    """Stands for the digest of a SavedModel: every file but `fingerprint.pb` and the manifest."""
    files = storage.list_tree(model_dir)
    kept = {name: files[name] for name in files if name not in ("fingerprint.pb", manifest.FILE_NAME)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Place:
    """One served model below `root`."""

    root: Path

    @property
    def serving(self) -> Path:
        return self.root / "serving"

    @property
    def registry(self) -> Path:
        return self.root / "registry"

    def model(self, seed: int, size: int = 2000) -> Path:
        directory = self.root / "models" / f"{seed}-{size}"
        return directory if directory.is_dir() else make_model(directory, seed, size)

    def blessing(self, seed: int, size: int = 2000, **changes: Any) -> dict[str, Any]:
        """What the gate would write if it decided now."""
        value = {"blessed": True, "model_digest": digest(self.model(seed, size)), "metrics": {"auc": 0.7}}
        served = registry.served_version(self.serving, NAME)
        return value | {"baseline": {"is_prior": served is None, "version": served or 0}} | changes

    def push(self, seed: int, run_id: str | None = None, size: int = 2000, **options: Any) -> PushResult:
        blessing = options.pop("blessing") if "blessing" in options else self.blessing(seed, size)
        return push(
            self.model(seed, size), blessing, self.serving, NAME, self.registry,
            f"run-{seed}" if run_id is None else run_id,
            digest=digest, **{"wait_seconds": 20.0, **options},
        )  # fmt: skip

    def rollback(self, **options: Any) -> RollbackResult:
        return rollback(self.serving, NAME, self.registry, **options)

    def live(self) -> list[int]:
        return list(registry.directories(self.serving, NAME))

    def denied(self) -> list[int]:
        return list(registry.directories(self.serving, NAME, registry.DENIED))

    def statuses(self) -> dict[int, str]:
        numbers = registry.recorded_versions(self.registry, NAME)
        records = {number: registry.read_record(self.registry, NAME, number) for number in numbers}
        return {number: record["status"] for number, record in records.items() if record}

    def hidden(self) -> list[str]:
        """Hidden files and directories that are no lock."""
        found = [path.name for folder in (self.serving, self.registry) for path in (folder / NAME).glob(".*")]
        return sorted(name for name in found if name != ".push.lock")

    def assert_whole(self) -> None:
        for directory in registry.directories(self.serving, NAME).values():
            manifest.verify(directory)


class Crash(BaseException):
    """The process is gone: nothing it does afterwards reaches the disk."""


class Faults:
    """Lets the k-th file operation below a directory go wrong, and every later one too after a crash."""

    def __init__(self) -> None:
        self._root = ""
        self._left = -1
        self._act: Callable[[], None] | None = None
        self._dead = False
        self.count = 0
        sys.addaudithook(self._hook)
        self._fsync = os.fsync
        os.fsync = self._fsync_hook  # type: ignore[assignment]
        self.skip_fsync = False

    @contextlib.contextmanager
    def at(self, operation: int, root: Path, action: str | int) -> Iterator[None]:
        """Arms a fault at an operation, counted from 1; `action` is `crash`, `kill` or an errno."""
        self._root, self._left, self.count, self._dead = str(root), operation, 0, False
        self._act = lambda: _act(action)
        self._stays = action == "crash"
        try:
            yield
        finally:
            self._left, self._act, self._dead = -1, None, False

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._act is None or not arguments:
            return
        if event == "open" or event.startswith(("os.", "shutil.", "fcntl.")):
            path = arguments[0]
            text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
            if text.startswith(self._root) or (event.startswith("os.") and text and "/" not in text):
                self._point()

    def _fsync_hook(self, descriptor: int) -> None:
        if self._act is not None:
            self._point()
        if not self.skip_fsync:
            self._fsync(descriptor)

    def _point(self) -> None:
        self.count += 1
        if self._dead or self.count == self._left:
            self._dead = self._stays
            assert self._act is not None
            self._act()


def _act(action: str | int) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if isinstance(action, int):
        raise OSError(action, os.strerror(action))
    raise Crash
