"""Volumes of a pod: names and mount paths once each, and none of those that the launcher needs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from pipeline.kubeflow.check.containers import STATE
from pipeline.kubeflow.check.naming import is_label, is_mount, quantity
from pipeline.kubeflow.check.platform import PLACE
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, Json

CODE = "KFP-037"
# Field, and the field of an entry that names the volume.
_VOLUMES = {
    "pvcMount": "constant",
    "secretAsVolume": "secretName",
    "configMapAsVolume": "configMapName",
    "emptyDirMounts": "volumeName",
    "genericEphemeralVolume": "volumeName",
}
_SIZES = {"emptyDirMounts": "sizeLimit", "genericEphemeralVolume": "size"}
_TAKEN_NAMES = (
    "kfp-launcher",
    "gcs-scratch",
    "s3-scratch",
    "minio-scratch",
    "dot-local-scratch",
    "dot-cache-scratch",
    "dot-config-scratch",
    "ca-bundle",
)
_TAKEN_PATHS = (
    "/kfp-launcher",
    "/gcs",
    "/s3",
    "/minio",
    "/.local",
    "/.cache",
    "/.config",
    "/tmp/kfp_outputs",
)
_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")


def problems(file: File) -> Iterator[Problem]:
    """Volumes that collide with each other or with those of the launcher."""
    containers = {label: container for label, _, container in file.containers()}
    for label, settings in file.settings.items():
        yield from _state(settings, (*PLACE, label), containers.get(label, {}).get("args", []))
        names: dict[str, str] = {}
        paths: dict[str, str] = {}
        for field, key in _VOLUMES.items():
            for position, entry in enumerate(settings.get(field, [])):
                place = (*PLACE, label, field, position)
                yield from _name(entry.get(key, ""), (*place, key), names)
                yield from _mount(entry.get("mountPath", ""), (*place, "mountPath"), paths)
                yield from _details(entry, field, place)


def _state(settings: Json, path: Path, words: list[str]) -> Iterator[Problem]:
    """The root that the entrypoint is told of must be on a claim: what is written elsewhere is lost."""
    mounts = [entry.get("mountPath") for entry in settings.get("pvcMount", [])]
    for word, value in itertools.pairwise(words):
        if word == STATE and value not in mounts:
            expected = f"a claim mounted at the place that `{STATE}` names: {value}"
            yield _problem((*path, "pvcMount"), expected, mounts)


def _problem(path: Path, expected: str, found: object) -> Problem:
    return Problem(CODE, path, expected, received(found), None, 2)


def _name(name: str, path: Path, names: dict[str, str]) -> Iterator[Problem]:
    if not name:
        return
    if name in names:
        expected = f"every volume name once: claims and secrets name their volumes; also at `{names[name]}`"
        yield _problem(path, expected, name)
    if name in _TAKEN_NAMES:
        yield _problem(path, "a volume name that the launcher does not use itself", name)
    names.setdefault(name, str(path[-3]))


def _mount(mount: str, path: Path, paths: dict[str, str]) -> Iterator[Problem]:
    if not mount:
        return
    if not is_mount(mount):
        yield _problem(path, "an absolute path without `..` and without `/` at its end", mount)
    for other, owner in paths.items():
        if mount == other:
            yield _problem(path, f"every mount path once; also at `{owner}`", mount)
    for taken in _TAKEN_PATHS:
        if mount == taken or mount.startswith(f"{taken}/") or taken.startswith(f"{mount}/"):
            yield _problem(path, f"a path apart from `{taken}`, which the launcher uses", mount)
    paths.setdefault(mount, str(path[-3]))


def _details(entry: Json, field: str, path: Path) -> Iterator[Problem]:
    size = _SIZES.get(field)
    if size is not None and size in entry and not quantity(entry[size]):
        yield _problem((*path, size), "a quantity above 0 such as `2Gi`", entry[size])
    if field in _SIZES and entry.get("volumeName") and not is_label(entry["volumeName"]):
        yield _problem((*path, "volumeName"), "a DNS label", entry["volumeName"])
    if field == "emptyDirMounts" and entry.get("medium", "Memory") not in ("Memory", ""):
        yield _problem((*path, "medium"), "`Memory`, or nothing for the disk", entry["medium"])
    for position, mode in enumerate(entry.get("accessModes", [])):
        if mode not in _MODES:
            yield _problem((*path, "accessModes", position), f"one of {', '.join(_MODES)}", mode)
    sub = entry.get("subPath", "")
    if sub.startswith("/") or ".." in sub.split("/"):
        yield _problem((*path, "subPath"), "a relative path without `..`", sub)
