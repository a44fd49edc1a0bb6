"""Object storage through TensorFlow's file systems, here on a local path, which they open too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from tests.trainer.codistillation.exchange.place import manifest, part, same, weights
from trainer.codistillation.exchange import storage
from trainer.codistillation.exchange.claim import claim
from trainer.codistillation.exchange.local import LocalStorage
from trainer.codistillation.exchange.objects import ObjectStorage
from trainer.codistillation.exchange.publisher import Publisher
from trainer.codistillation.exchange.reader import Reader
from trainer.errors import TandemError


@pytest.fixture(params=[LocalStorage, ObjectStorage])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> storage.Storage:
    return request.param(str(tmp_path / "place"))


def test_both_kinds_of_storage_answer_alike(place: storage.Storage) -> None:
    assert place.names("replica-0") == []
    assert place.names("") == []
    assert (place.size("replica-0/a"), place.read("replica-0/a")) == (None, None)
    place.remove("replica-0/a")
    place.tidy("replica-0")
    assert place.create("replica-0/a", b"one")
    assert not place.create("replica-0/a", b"two")
    place.write("replica-0/b", b"")
    place.write("replica-0/b", bytes(range(256)))
    assert (place.size("replica-0/a"), place.read("replica-0/a")) == (3, b"one")
    assert (place.size("replica-0/b"), place.read("replica-0/b")) == (256, bytes(range(256)))
    assert sorted(place.names("replica-0")) == ["a", "b"]
    assert place.names("") == ["replica-0"]
    place.remove("replica-0/a")
    place.tidy("replica-0")
    assert place.names("replica-0") == ["b"]


def test_both_kinds_of_storage_fail_alike(place: storage.Storage, tmp_path: Path) -> None:
    (tmp_path / "place").write_text("no directory")
    for call in (lambda: place.write("replica-0/a", b""), lambda: place.create("replica-0/a", b"")):
        with pytest.raises(OSError, match="replica-0"):
            call()


def test_publications_pass_through_objects(tmp_path: Path) -> None:
    objects = ObjectStorage(str(tmp_path))
    own, peer = Publisher(objects, "g", 0), Reader(objects, "g", 0)
    for step, table in ((5, 1), (10, 1), (15, 2)):
        own.publish(step, weights(step, table))
        assert same(peer.look(), weights(step, table))
    assert (own.written.parts, own.written.unchanged) == (5, 1)
    assert (peer.read.parts, peer.read.unchanged) == (5, 1)
    assert not manifest(tmp_path, 5).exists()
    part(tmp_path, weights(15)).unlink()
    assert same(Reader(objects, "g", 0).look(), weights(10, 1))
    with pytest.raises(TandemError, match="CODIST-001"):
        claim(objects, "h")
    # Whoever mounts the bucket reads the same.
    assert same(Reader(LocalStorage(tmp_path), "g", 0).look(), weights(10, 1))


@pytest.mark.parametrize("point", ["exchange.upload *.part", "exchange.upload manifest-*"])
def test_an_upload_that_fails_is_tried_again(
    tmp_path: Path, fault: Callable[[str], None], point: str
) -> None:
    objects = ObjectStorage(str(tmp_path))
    replica = Publisher(objects, "g", 0)
    replica.publish(5, weights(5))
    fault(f"EIO {point}")
    with pytest.raises(OSError, match="Input/output"):
        replica.publish(10, weights(10))
    assert same(Reader(objects, "g", 0).look(), weights(5))
    fault("EIO exchange.remove_object *")
    replica.publish(15, weights(15))
    replica.publish(20, weights(20))
    replica.publish(25, weights(25))
    assert same(Reader(objects, "g", 0).look(), weights(25))
    assert len(list((tmp_path / "replica-0").iterdir())) == 4


def test_a_bucket_is_asked_for_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, opened = ObjectStorage("gs://bucket/path"), []

    def forbidden(path: str) -> None:
        raise AssertionError(path)

    def file(path: str, mode: str) -> IO[bytes]:
        opened.append(path)
        return (tmp_path / "object").open(mode)

    monkeypatch.setattr(objects, "_files", SimpleNamespace(makedirs=forbidden, GFile=file))
    objects.write("replica-0/a", b"content")
    assert opened == ["gs://bucket/path/replica-0/a"]
    assert (tmp_path / "object").read_bytes() == b"content"


def test_an_object_that_is_gone_is_told_by_the_list_and_not_by_what_is_remembered_of_it(
    tmp_path: Path,
) -> None:
    replica = Publisher(ObjectStorage(str(tmp_path)), "g", 0)
    replica.publish(5, weights(5))

    class Remembers(ObjectStorage):
        """Finds removed manifests by name, as a cache of attributes does."""

        def size(self, name: str) -> int | None:
            return 1 if name.endswith(".json") else super().size(name)

        def read(self, name: str) -> bytes | None:
            if name.endswith(".part") and replica.written.publications < 4:
                for step in (10, 15, 20):
                    replica.publish(step, weights(step))
            return super().read(name)

    peer = Reader(Remembers(str(tmp_path)), "g", 0)
    assert same(peer.look(), weights(20))
    assert peer.read.refused == 0


def test_an_address_in_a_bucket_is_object_storage() -> None:
    assert isinstance(storage.storage_at("gs://bucket/path"), ObjectStorage)
    assert isinstance(storage.storage_at("/x"), LocalStorage)
    assert isinstance(storage.storage_at("relative/x"), LocalStorage)
