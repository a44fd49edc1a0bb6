"""What the service shall be: the section `push.kserve`, with what it leaves open filled in."""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse
from pathlib import PurePosixPath

from components.release.record import Release
from trainer.errors import TandemError

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
# KServe appends `-predictor` and Knative `-00001`; the whole is a label of at most 63 characters.
_LONGEST_NAME = {"standard": 53, "serverless": 47}


@dataclasses.dataclass(frozen=True)
class Settings:
    """One InferenceService.

    Args:
        name: its name.
        namespace: its namespace; that of the pod or of the kubeconfig when empty. Defaults to `""`.
        mode: `standard` or `serverless`. Defaults to `"standard"`.
        storage: `artifact` serves the artifact of the release, `volume` its directory on the state volume.
            Defaults to `"artifact"`.
        canary_percent: traffic of a new release until it is promoted, `1` to `99`, serverless only. Defaults
            to `None`, all of it as soon as the release is ready.
        min_replicas: least number of replicas. Defaults to `1`.
        service_account: service account that may read the storage. Defaults to `None`.
        ready_timeout_seconds: how long a release may take to be ready. Defaults to `600`.
        keep_releases: used by the release only. Defaults to `5`.
        cpu: CPUs of a replica. Defaults to `None`, what the cluster gives.
        memory: memory of a replica. Defaults to `None`, what the cluster gives.
        claim: claim of the state volume; needed for `volume`. Defaults to `""`.
        path: where that volume is mounted here; needed for `volume`. Defaults to `""`.

    Raises:
        TandemError: `SERVE-010` if a value cannot be used.
    """

    name: str
    namespace: str | None = ""
    mode: str = "standard"
    storage: str = "artifact"
    canary_percent: int | None = None
    min_replicas: int = 1
    service_account: str | None = None
    ready_timeout_seconds: float = 600
    keep_releases: int = 5
    cpu: str | None = None
    memory: str | None = None
    claim: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise _unusable(problem)

    def _problem(self) -> str:
        if self.mode not in _LONGEST_NAME:
            return f"mode={self.mode!r}"
        longest = _LONGEST_NAME[self.mode]
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name) or len(self.name) > longest:
            return (
                f"name={self.name!r}, where KServe wants a letter, then letters, digits and hyphens, "
                f"at most {longest}"
            )
        if self.canary_percent is not None and self.mode != "serverless":
            return f"canary_percent={self.canary_percent!r} in mode={self.mode!r}"
        if self.storage not in ("artifact", "volume"):
            return f"storage={self.storage!r}"
        if self.storage == "volume" and not (self.claim and self.path.startswith("/")):
            return f"storage='volume' with claim={self.claim!r} and path={self.path!r}"
        return ""

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Reads the parameter `kserve` of the component.

        Raises:
            TandemError: `SERVE-010` if it cannot be understood.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise _unusable(f"{text} ({error})") from error


@dataclasses.dataclass(frozen=True)
class Target:
    """What shall be served.

    Args:
        storage_uri: directory that holds the one numeric version directory.
        version: version of the push.
        digest: digest of the model.
        run_id: run that pushed it.
    """

    storage_uri: str
    version: int
    digest: str
    run_id: str


def target(release: Release, remote_uri: str, settings: Settings) -> Target:
    """Says where the cluster finds a release.

    Args:
        release: the release.
        remote_uri: URI of its artifact in object storage. `minio://` becomes `s3://`, which is how KServe
            names it; the address of the server comes from the secret of the service account.
        settings: the service.

    Raises:
        TandemError: `SERVE-011` if no pod of the cluster could read it there.
    """
    if settings.storage == "volume":
        directory, mount = PurePosixPath(release.path), PurePosixPath(settings.path)
        if not release.path or ".." in directory.parts or mount not in directory.parents:
            raise _out_of_reach(f"path={release.path!r}", f"a directory below {settings.path}")
        uri = f"pvc://{settings.claim}/{directory.relative_to(mount)}"
    else:
        parts = urllib.parse.urlsplit(remote_uri)
        scheme = {"gs": "gs", "s3": "s3", "minio": "s3"}.get(parts.scheme)
        key = parts.path.rstrip("/")
        if not scheme or not parts.netloc or not key:
            raise _out_of_reach(f"uri={remote_uri!r}", "an artifact in gs://, s3:// or minio://")
        uri = f"{scheme}://{parts.netloc}{key}"
    return Target(uri, release.version, release.digest, release.run_id)


def _out_of_reach(received: str, expected: str) -> TandemError:
    return TandemError(
        "SERVE-011",
        f"Expected the release as {expected}. Received: {received}",
        "Set `kubeflow.pipeline_root` to object storage, or `push.kserve.storage` to `volume`, and compile "
        "again.",
        exit_status=2,
    )


def _unusable(received: str) -> TandemError:
    return TandemError(
        "SERVE-010",
        f"Expected settings of an InferenceService. Received: {received}",
        "Correct `push.kserve` in the configuration and compile again with `tandem compile`.",
        exit_status=2,
    )
