"""Opens the places that a mirror can be: a directory, Google Cloud Storage, S3 and what speaks like it."""

from __future__ import annotations

import datetime
import os
import urllib.parse
from typing import Any

from trainer.errors import TandemError

ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT")
"""Environment variables that name an S3 server in place of the provider's own, the first one set counts."""

_CONNECT_SECONDS = 10.0
_REQUEST_SECONDS = 60.0


def open_location(uri: str) -> tuple[Any, str]:
    """Opens the file system of a URI.

    Credentials come from the environment of the step, as for every program: service account, workload
    identity or the `AWS_` variables.

    Args:
        uri: `file:///directory`, `gs://bucket/key` or `s3://bucket/key`.

    Returns:
        A `pyarrow.fs.FileSystem` and the path in it, without a slash at the end.

    Raises:
        TandemError: `SERVE-008` if the URI cannot be used.
        OSError: if the place cannot be reached.
    """
    from pyarrow import fs

    parts = urllib.parse.urlsplit(uri)
    path = urllib.parse.unquote(parts.path).rstrip("/")
    if parts.query or parts.fragment or any(part in (".", "..") for part in path.split("/")):
        raise _unusable(uri)
    if parts.scheme == "file" and not parts.netloc and path:
        return fs.LocalFileSystem(), path
    if parts.scheme not in ("gs", "s3") or not parts.netloc:
        raise _unusable(uri)
    path = f"{parts.netloc}{path}"
    if parts.scheme == "gs":
        return fs.GcsFileSystem(retry_time_limit=datetime.timedelta(seconds=_REQUEST_SECONDS)), path
    return _s3(fs, parts.netloc), path


def is_local(files: Any) -> bool:
    """Tells whether a file system is that of this machine."""
    return bool(files.type_name == "local")


def _s3(fs: Any, bucket: str) -> Any:
    endpoint = next((os.environ[name] for name in ENDPOINT_VARIABLES if os.environ.get(name)), None)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        region = "us-east-1" if endpoint else fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region,
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_REQUEST_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=4),
        background_writes=False,
    )


def _unusable(uri: str) -> TandemError:
    return TandemError(
        "SERVE-008",
        f"Expected a mirror such as gs://bucket/models, s3://bucket/models or file:///models. "
        f"Received: mirror={uri!r}",
        "Correct `push.mirror` in the configuration.",
        exit_status=2,
    )
