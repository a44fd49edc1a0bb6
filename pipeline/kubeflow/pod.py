"""Where the launcher puts things in a pod, and where they really are when a pod is simulated."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from trainer.errors import TandemError

VARIABLE = "TANDEM_POD_MOUNTS"
SCHEMES = {"gs": "/gcs", "s3": "/s3", "minio": "/minio"}
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@dataclasses.dataclass(frozen=True)
class Pod:
    """The file system of a pod.

    Args:
        mounts: host directory by path in the pod; empty in a real pod, where both are one.
    """

    mounts: Mapping[str, str]

    @classmethod
    def here(cls) -> Pod:
        """This pod: a real one, unless `TANDEM_POD_MOUNTS` holds a JSON object of mounts.

        Raises:
            TandemError: `KFP-101` if the variable holds something else.
        """
        given = os.environ.get(VARIABLE, "{}")
        try:
            mounts = json.loads(given)
            return cls({str(path).rstrip("/"): str(place).rstrip("/") for path, place in mounts.items()})
        except (ValueError, AttributeError) as error:
            raise TandemError(
                "KFP-101",
                f"Expected a JSON object of directories in {VARIABLE}. Received: {given[:200]}",
                "Unset it: it is for simulated pods only.",
                exit_status=2,
            ) from error

    def path(self, path: str) -> str:
        """Where a path of the pod really is."""
        for mount in sorted(self.mounts, key=len, reverse=True):
            if path == mount or path.startswith(mount + "/"):
                return self.mounts[mount] + path[len(mount) :]
        return path

    def artifact(self, uri: str) -> str:
        """Local path of an artifact, as the launcher lays it down and takes it from.

        Raises:
            TandemError: `KFP-102` for an address whose scheme the launcher does not know.

        Example:
            >>> Pod({}).artifact("minio://mlpipeline/v2/artifacts/x")
            '/minio/mlpipeline/v2/artifacts/x'
        """
        scheme, separator, rest = uri.partition("://")
        if not separator or scheme not in SCHEMES:
            raise TandemError(
                "KFP-102",
                f"Expected an artifact at gs://, s3:// or minio://. Received: uri={uri}",
                "Set `kubeflow.pipeline_root` to such an address.",
                exit_status=2,
            )
        return self.path(f"{SCHEMES[scheme]}/{rest.partition('?')[0]}")

    def inside(self, value: Any) -> Any:
        """A parameter with the pod's paths, also those in JSON text, as they really are."""
        return self._replace(value, dict(self.mounts))

    def outside(self, value: Any) -> Any:
        """The reverse of `inside`."""
        return self._replace(value, {place: path for path, place in self.mounts.items()})

    def _replace(self, value: Any, places: dict[str, str]) -> Any:
        if not isinstance(value, str) or not places:
            return value
        for place in sorted(places, key=len, reverse=True):
            # At the start of the text, of a text within JSON or of a URI; it ends there or goes on below.
            at = re.compile(rf'(^|"|file://){re.escape(place)}(?=/|"|$)')
            value = at.sub(_after(places[place]), value)
        return value


def _after(text: str) -> Callable[[re.Match[str]], str]:
    return lambda match: match.group(1) + text


def run_of(uris: list[str], step: str) -> str:
    """Id of the run that the backend writes artifacts of: the UUID before the step in their addresses.

    Args:
        uris: addresses of a step's outputs.
        step: the step.

    Raises:
        TandemError: `KFP-103` if there is none.
    """
    for uri in uris:
        found = re.findall(rf"/({_UUID})/{re.escape(step)}/", uri)
        if found:
            return str(found[-1])
    raise TandemError(
        "KFP-103",
        f"Expected addresses `<pipeline root>/<pipeline>/<run id>/{step}/...`. Received: {uris[:3]}",
        "Run the file on Kubeflow Pipelines v2, or by `tandem simulate`.",
    )
