"""Pushed versions, and mirrors: a directory and a server that speaks S3."""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.push import manifest
from components.release.release import Settings, release
from tests.components.push.place import NAME, Place
from trainer import faults


@dataclasses.dataclass(frozen=True)
class Releases:
    """Pushes and releases of one model below `root`."""

    root: Path

    @property
    def place(self) -> Place:
        return Place(self.root)

    @property
    def directory(self) -> Path:
        return self.root / "releases" / NAME

    def push(self, seed: int, size: int = 2000) -> dict[str, Any]:
        """Pushes a model and returns what `push.json` holds."""
        result = self.place.push(seed, size=size)
        return dataclasses.asdict(result) | {"path": str(result.path or "")}

    def release(self, pushed: dict[str, Any], storage: str = "volume", **changes: Any) -> Any:
        """Releases into `release/` or onto the volume."""
        values = {"releases": str(self.root / "releases"), "keep_releases": 2, **changes}
        output = self.root / "release"
        output.mkdir(exist_ok=True)
        return release(pushed, self.place.serving, NAME, output, Settings(storage, **values))

    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir() if path.is_dir())

    def version(self, number: int) -> Path:
        return self.place.serving / NAME / str(number)


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path)


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Arms a fault point in this process."""

    def arm(text: str) -> None:
        monkeypatch.setenv(faults.VARIABLE, text)
        faults.rearm()

    yield arm
    monkeypatch.delenv(faults.VARIABLE, raising=False)
    faults.rearm()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = pytest.importorskip("moto.server", reason="needs moto with flask, a server that speaks S3")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


class Mirror:
    """A mirror as its reader sees it."""

    def __init__(self, uri: str, files: Any, root: str) -> None:
        self.uri = uri
        self.files = files
        self.root = root

    def names(self, version: int = 1) -> list[str]:
        from pyarrow import fs

        base = f"{self.root}/{NAME}/{version}"
        found = self.files.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
        return sorted(one.path.removeprefix(f"{base}/") for one in found if one.type == fs.FileType.File)

    def path(self, name: str, version: int = 1) -> str:
        return f"{self.root}/{NAME}/{version}/{name}"

    def read(self, name: str, version: int = 1) -> bytes:
        with self.files.open_input_stream(self.path(name, version)) as stream:
            return stream.read()

    def write(self, name: str, content: bytes, version: int = 1) -> None:
        path = self.path(name, version)
        self.files.create_dir(path.rpartition("/")[0], recursive=True)
        with self.files.open_output_stream(path) as stream:
            stream.write(content)

    def assert_equal(self, directory: Path, version: int = 1) -> None:
        contents = manifest.verify(directory)
        assert self.names(version) == sorted([*contents.files, manifest.FILE_NAME])
        for name in self.names(version):
            assert self.read(name, version) == (directory / name).read_bytes()


@pytest.fixture(params=["file", "s3"])
def mirror(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    from pyarrow import fs

    if request.param == "file":
        return Mirror(f"file://{tmp_path}/mirror", fs.LocalFileSystem(), f"{tmp_path}/mirror")
    endpoint = request.getfixturevalue("s3_server")
    for name, value in {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    bucket = f"bucket-{uuid.uuid4().hex}"
    files = fs.S3FileSystem(endpoint_override=endpoint, region="us-east-1", allow_bucket_creation=True)
    files.create_dir(bucket)
    return Mirror(f"s3://{bucket}/models/", files, f"{bucket}/models")
