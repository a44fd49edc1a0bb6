"""The mirror, in a directory and behind a server that speaks S3."""

from __future__ import annotations

import pytest

from components.push import manifest
from trainer.errors import TandemError
from trainer.faults import InjectedError


def test_a_version_is_copied_whole_and_not_again(releases, mirror):
    pushed = releases.push(1)
    first = releases.release(pushed, "none", mirror=mirror.uri)
    assert first.mirror == f"{mirror.uri.rstrip('/')}/demo/1"
    assert first.uploaded == 6
    mirror.assert_equal(releases.version(1))
    assert releases.release(pushed, "none", mirror=mirror.uri).uploaded == 0
    second = releases.release(releases.push(2), "none", mirror=mirror.uri)
    assert second.uploaded == 6
    mirror.assert_equal(releases.version(1))
    mirror.assert_equal(releases.version(2), 2)


@pytest.mark.parametrize("number", range(6))
def test_a_copy_that_is_cut_off_does_not_look_whole_and_is_completed(releases, mirror, fault, number):
    pushed = releases.push(1)
    files = sorted(manifest.read(releases.version(1)).files.keys() - {"saved_model.pb"})
    order = [manifest.FILE_NAME, *files, "saved_model.pb"]
    fault(f"raise mirror.upload {order[number].rpartition('/')[2]}")
    with pytest.raises(InjectedError):
        releases.release(pushed, "none", mirror=mirror.uri)
    fault("")
    assert mirror.names() == sorted(order[:number])
    assert "saved_model.pb" not in mirror.names()
    assert releases.release(pushed, "none", mirror=mirror.uri).uploaded == 6 - number
    mirror.assert_equal(releases.version(1))


def test_a_half_file_of_a_copy_that_was_cut_off_is_written_again(releases, mirror):
    pushed = releases.push(1)
    mirror.write(manifest.FILE_NAME, (releases.version(1) / manifest.FILE_NAME).read_bytes())
    mirror.write("variables/variables.index", b"half")
    assert releases.release(pushed, "none", mirror=mirror.uri).uploaded == 5
    mirror.assert_equal(releases.version(1))


@pytest.mark.parametrize("name", ["saved_model.pb", "assets/vocabulary.txt", manifest.FILE_NAME, "other.txt"])
def test_a_version_with_other_content_is_refused_and_kept(releases, mirror, name):
    pushed = releases.push(1)
    releases.release(pushed, "none", mirror=mirror.uri)
    mirror.write(name, b"{}")
    with pytest.raises(TandemError, match=r"SERVE-006.*" + name):
        releases.release(pushed, "none", mirror=mirror.uri)
    assert mirror.read(name) == b"{}"


def test_files_without_the_manifest_of_the_push_are_of_others(releases, mirror):
    pushed = releases.push(1)
    mirror.write("assets/vocabulary.txt", (releases.version(1) / "assets/vocabulary.txt").read_bytes())
    with pytest.raises(TandemError, match="SERVE-006"):
        releases.release(pushed, "none", mirror=mirror.uri)
    assert mirror.names() == ["assets/vocabulary.txt"]


@pytest.mark.parametrize("name", ["saved_model.pb", "variables.index"])
def test_a_file_that_reads_back_otherwise_is_removed_and_told(releases, mirror, monkeypatch, name):
    from components.release import mirror as module

    pushed = releases.push(1)
    whole = module._sha256
    monkeypatch.setattr(module, "_sha256", lambda files, path: "0" if name in path else whole(files, path))
    with pytest.raises(TandemError, match="SERVE-007"):
        releases.release(pushed, "none", mirror=mirror.uri)
    monkeypatch.undo() if mirror.files.type_name == "local" else monkeypatch.setattr(module, "_sha256", whole)
    assert not [one for one in mirror.names() if name in one]
    assert "saved_model.pb" not in mirror.names()
    releases.release(pushed, "none", mirror=mirror.uri)
    mirror.assert_equal(releases.version(1))


def test_a_mirror_that_cannot_be_reached_is_told(releases, s3_server, monkeypatch, tmp_path):
    pushed = releases.push(1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    with pytest.raises(TandemError, match="SERVE-005"):
        releases.release(pushed, "none", mirror="s3://no-such-bucket/models")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TandemError, match="SERVE-005"):
        releases.release(pushed, "none", mirror="s3://bucket/models")
    (tmp_path / "file").write_text("")
    with pytest.raises(TandemError, match="SERVE-005"):
        releases.release(pushed, "none", mirror=f"file://{tmp_path}/file/models")


@pytest.mark.parametrize(
    "uri", ["file://host/models", "s3:///models", "ftp://a/b", "gs://b/../c", "s3://b/c?d=e"]
)
def test_a_mirror_that_cannot_be_used_is_refused(releases, uri):
    with pytest.raises(TandemError, match="SERVE-008") as caught:
        releases.release(releases.push(1), "none", mirror=uri)
    assert caught.value.exit_status == 2


def test_a_bucket_of_google_is_opened_without_asking_it():
    from components.release.locations import open_location

    files, path = open_location("gs://bucket/models/demo/1/")
    assert (files.type_name, path) == ("gcs", "bucket/models/demo/1")


@pytest.mark.parametrize("action", ["ENOSPC", "EIO", "EROFS", "short"])
@pytest.mark.parametrize("point", ["mirror.upload", "mirror.uploaded", "mirror.write"])
def test_a_failing_disk_of_a_local_mirror_is_told(releases, fault, tmp_path, action, point):
    pushed = releases.push(1)
    fault(f"{action} {point} *saved_model.pb")
    with pytest.raises(TandemError, match="SERVE-005"):
        releases.release(pushed, "none", mirror=f"file://{tmp_path}/mirror")
    fault("")
    releases.release(pushed, "none", mirror=f"file://{tmp_path}/mirror")
    manifest.verify(tmp_path / "mirror/demo/1")
