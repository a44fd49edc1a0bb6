"""Files of the pipeline root, read through the UI, which has the credentials of the storage."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from pipeline.kubeflow.api import errors
from pipeline.kubeflow.api.client import Client

_URI = re.compile(r"^(?P<scheme>gs|s3|minio)://(?P<bucket>[^/?#]+)/(?P<key>[^?#]+)$")
_SOURCES = {"gs": "gcs", "s3": "s3", "minio": "minio"}


def read(client: Client, uri: str) -> bytes:
    """The content of a file.

    Args:
        client: the API, at the address of the UI.
        uri: `gs://`, `s3://` or `minio://`, bucket and key.

    Raises:
        ApiError: if there is no such file, or the address is that of the API alone, which serves no files.
        ValueError: if it is no such URI.
    """
    match = _URI.match(uri)
    if match is None:
        raise ValueError(f"Expected gs://, s3:// or minio://BUCKET/KEY. Received: {uri!r}.")
    query = {"source": _SOURCES[match["scheme"]], "bucket": match["bucket"], "key": match["key"]}
    if client.namespace:
        query["namespace"] = client.namespace
    answer = client.transport.raw(f"/artifacts/get?{urlencode(query)}", "GET /artifacts/get")
    if not answer.data:
        raise errors.foreign("GET /artifacts/get", "an empty file")
    return answer.data
