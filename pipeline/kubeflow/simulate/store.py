"""The object store of a simulation: files below a directory, and the rules of the launcher about them.

After `backend/src/v2/objectstore/config.go` (`ParseBucketPathToConfig`, `KeyFromURI`) and `object_store.go`
(`UploadBlob`, `DownloadBlob`): only files are objects, so an empty directory is lost on the way.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from trainer.errors import TandemError
from trainer.faults import point

SCHEMES = ("gs", "s3", "minio")
_BUCKET = re.compile(r"^(gs|s3|minio)://([^/?]+)(/[^?]*)?(\?.+)?$")


class ObjectStore:
    """Objects on disk, `<directory>/<scheme>/<bucket>/<key>`.

    Args:
        directory: where; need not exist.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, uri: str) -> Path:
        """The file or directory of a URI.

        Raises:
            TandemError: `KFP-214` if it is no address of an object, or one outside of its bucket.
        """
        match = _BUCKET.match(uri)
        key = (match.group(3) or "").strip("/") if match else ""
        if match is None or ".." in (match.group(2), *key.split("/")):
            raise TandemError("KFP-214", f"Expected gs://, s3:// or minio:// with a bucket. Received: {uri}")
        return self.directory / match.group(1) / match.group(2) / key

    def upload(self, local: Path, uri: str, run_root: str, link: bool = True) -> bool:
        """Uploads a file or directory.

        Args:
            local: where it is in the pod.
            uri: where it goes.
            run_root: prefix that the launcher has opened; nothing else can be written.
            link: whether files may be linked: nothing writes to them any more. Defaults to `True`.

        Returns:
            Whether there was something; the launcher only warns if not.

        Raises:
            TandemError: `KFP-214` if `uri` does not begin with `run_root`, or has nothing after it.
            OSError: if a file cannot be read or written.
        """
        if not uri.startswith(run_root) or not uri.removeprefix(run_root).lstrip("/"):
            raise TandemError(
                "KFP-214",
                f"Expected an output below the root of the run, {run_root}. Received: {uri}",
                "The launcher uploads below that root only (KeyFromURI); leave the URI as it was given.",
            )
        if not local.exists():
            return False
        target = self.path(uri)
        if not local.is_dir():
            _place(local, target, link)
        for folder, folders, names in os.walk(local):
            for name in folders:
                if (Path(folder) / name).is_symlink():
                    raise IsADirectoryError(f"{Path(folder) / name} is a link to a directory")
            for name in names:
                file = Path(folder) / name
                _place(file, target / file.relative_to(local), link)
        return True

    def download(self, uri: str, local: Path) -> None:
        """Copies an object, or all below a prefix, into the pod; nothing if there is none.

        Raises:
            TandemError: `KFP-214` if it is no address of an object.
            OSError: if a file cannot be read or written.
        """
        source = self.path(uri)
        if source.is_file():
            _place(source, local, link=False)
        for folder, _, names in os.walk(source):
            for name in names:
                file = Path(folder) / name
                _place(file, local / file.relative_to(source), link=False)


def _place(source: Path, target: Path, link: bool) -> None:
    """One file; linked where nothing writes to `source` any more, copied where that cannot be known."""
    target.parent.mkdir(parents=True, exist_ok=True)
    point("simulate.place", target)
    if link:
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(source.resolve())
        except OSError:
            shutil.copyfile(source, target)
    else:
        shutil.copyfile(source, target)
