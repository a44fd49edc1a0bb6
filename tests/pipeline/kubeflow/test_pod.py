"""Places in a pod, real or simulated."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kubeflow.pod import VARIABLE, Pod, run_of
from trainer.errors import TandemError

RUN = "6f1c2a54-7d1a-4a39-9f4e-0a1b2c3d4e5f"
SIMULATED = Pod({"/tandem": "/work/claims/tandem", "/tandem/rows": "/elsewhere", "/minio": "/work/objects"})


def test_a_real_pod_has_its_places_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    pod = Pod.here()
    assert pod.path("/tandem/runs") == "/tandem/runs"
    assert pod.artifact("gs://bucket/a/b") == "/gcs/bucket/a/b"
    assert pod.artifact("s3://bucket/a?endpoint=x") == "/s3/bucket/a"
    assert pod.inside("/tandem") == pod.outside("/tandem") == "/tandem"


def test_the_longest_mount_counts_and_whole_names_only() -> None:
    assert SIMULATED.path("/tandem/runs/x") == "/work/claims/tandem/runs/x"
    assert SIMULATED.path("/tandem/rows/x.csv") == "/elsewhere/x.csv"
    assert SIMULATED.path("/tandems/x") == "/tandems/x"
    assert SIMULATED.artifact("minio://b/k") == "/work/objects/b/k"


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("/tandem", "/work/claims/tandem"),
        ("/tandem/schema/x", "/work/claims/tandem/schema/x"),
        ('{"place": "/tandem/a/1", "n": 1}', '{"place": "/work/claims/tandem/a/1", "n": 1}'),
        ("file:///tandem/mirror", "file:///work/claims/tandem/mirror"),
        ("text with /tandem in it", "text with /tandem in it"),
        ("/tandemonium", "/tandemonium"),
        ("", ""),
    ],
)  # fmt: skip
def test_paths_in_parameters_go_there_and_back(text: str, inside: str) -> None:
    assert SIMULATED.inside(text) == inside
    assert SIMULATED.outside(inside) == text


def test_what_is_no_text_stays() -> None:
    assert SIMULATED.inside(7) == 7
    assert SIMULATED.outside(None) is None


@given(st.text())
def test_no_text_without_mounts_is_changed(text: str) -> None:
    assert Pod({}).inside(text) == text


@pytest.mark.parametrize("uri", ["file:///rows", "/rows", "hdfs://h/x", ""])
def test_an_address_that_the_launcher_does_not_know(uri: str) -> None:
    with pytest.raises(TandemError, match="KFP-102"):
        Pod({}).artifact(uri)


@pytest.mark.parametrize("value", ["[1]", "x", "3"])
def test_mounts_that_are_no_object(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(TandemError, match="KFP-101"):
        Pod.here()


def test_the_run_is_found_in_the_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps({"/minio/": "/x/"}))
    assert Pod.here().mounts == {"/minio": "/x"}
    uris = ["minio://b/v2/artifacts/tandem-x/none", f"minio://b/v2/artifacts/tandem-x/{RUN}/train/model"]
    assert run_of(uris, "train") == RUN
    # A UUID in the pipeline root is none of a run.
    other = "11111111-2222-3333-4444-555555555555"
    new = f"minio://b/{other}/tandem-x/{RUN}/train/{other}/model"
    assert run_of([new], "train") == RUN
    for step, several in (("train", uris[:1]), ("gate", uris)):
        with pytest.raises(TandemError, match="KFP-103"):
            run_of(several, step)
