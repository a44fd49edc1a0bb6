"""Document 2: settings for every container and for nothing else, with names and values that pods take."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.naming import (
    is_environment,
    is_key,
    is_label,
    is_label_value,
    is_qualified,
    is_subdomain,
)
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, Json

CODE = "KFP-036"
PLACE: Path = ("platforms", "kubernetes", "deploymentSpec", "executors")
# Backends up to 2.4 read the first, later ones the second.
PAIRS = {
    "pvcMount": ("constant", "pvcNameParameter"),
    "secretAsVolume": ("secretName", "secretNameParameter"),
    "secretAsEnv": ("secretName", "secretNameParameter"),
    "configMapAsVolume": ("configMapName", "configMapNameParameter"),
    "configMapAsEnv": ("configMapName", "configMapNameParameter"),
    "imagePullSecret": ("secretName", "secretNameParameter"),
}
_POLICIES = ("Always", "IfNotPresent", "Never")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def problems(file: File) -> Iterator[Problem]:
    """Labels without executor, executors without settings, and settings that a pod is not made with."""
    for name in file.platform.get("platforms", {}):
        if name != "kubernetes":
            yield _problem(
                ("platforms", name), "`kubernetes`, the only platform that the backend reads", name
            )
    wanted = [label for label, _, _ in file.containers()]
    for label in file.settings:
        if label not in wanted:
            expected = "the label of an executor that is a container: others are silently ignored"
            yield _problem((*PLACE, label), expected, label, nearest(label, wanted))
    for label in wanted:
        if label not in file.settings:
            yield _problem((*PLACE, label), "the settings of this executor")
    for label, path, container in file.containers():
        del path
        if label in file.settings:
            yield from _settings(file.settings[label], (*PLACE, label), container)


def _problem(path: Path, expected: str, found: object = None, near: str | None = None) -> Problem:
    return Problem(CODE, path, expected, None if found is None else received(found), near, 2)


def _settings(settings: Json, path: Path, container: Json) -> Iterator[Problem]:
    for field, entries in settings.items():
        for position, entry in enumerate(entries if isinstance(entries, list) else []):
            if entry in entries[:position]:
                yield _problem((*path, field, position), "every entry once", entry)
    yield from _names(settings, path)
    yield from _environment(settings, path, container)
    yield from _labels(settings, path)
    for position, entry in enumerate(settings.get("tolerations", [])):
        yield from _toleration(entry, (*path, "tolerations", position))
    policy = settings.get("imagePullPolicy", "Always")
    if policy not in _POLICIES:
        yield _problem(
            (*path, "imagePullPolicy"), f"one of {', '.join(_POLICIES)}", policy, nearest(policy, _POLICIES)
        )
    if int(settings.get("activeDeadlineSeconds", "1")) < 1:
        yield _problem((*path, "activeDeadlineSeconds"), "at least 1", settings["activeDeadlineSeconds"])


def _names(settings: Json, path: Path) -> Iterator[Problem]:
    for field, (old, new) in PAIRS.items():
        for position, entry in enumerate(settings.get(field, [])):
            place = (*path, field, position)
            volume = field in ("pvcMount", "secretAsVolume", "configMapAsVolume")
            good: Callable[[str], bool] = is_label if volume else is_subdomain
            kind = "a DNS label: it also names the volume" if volume else "a DNS subdomain"
            name, source = entry.get(old), entry.get(new)
            if name and not good(name):
                yield _problem((*place, old), kind, name)
            if source is None:
                continue
            constant = source.get("runtimeValue", {}).get("constant")
            if not isinstance(constant, str):
                yield _problem((*place, new), "a constant name", source)
            elif name is not None and constant != name:
                yield _problem(
                    (*place, new, "runtimeValue", "constant"), f"the same as `{old}`: {name}", constant
                )


def _environment(settings: Json, path: Path, container: Json) -> Iterator[Problem]:
    seen = {entry.get("name"): "`container.env`" for entry in container.get("env", [])}
    entries: list[tuple[Path, str, str | None]] = []
    for field, key in (("secretAsEnv", "secretKey"), ("configMapAsEnv", "configMapKey")):
        for position, source in enumerate(settings.get(field, [])):
            for place, entry in enumerate(source.get("keyToEnv", [])):
                entries.append(
                    ((*path, field, position, "keyToEnv", place), entry.get("envVar", ""), entry.get(key))
                )
                if entry.get(key) and not is_key(entry[key]):
                    yield _problem(
                        (*entries[-1][0], key), "a key of letters, digits, `-`, `_` and `.`", entry[key]
                    )
    for position, entry in enumerate(settings.get("fieldPathAsEnv", [])):
        entries.append(((*path, "fieldPathAsEnv", position), entry.get("name", ""), None))
    for where, name, _ in entries:
        if name and not is_environment(name):
            yield _problem(where, "the name of a variable", name)
        if name in seen:
            yield _problem(where, f"every variable once; {seen[name]} sets it too", name)
        seen[name] = "another entry"


def _labels(settings: Json, path: Path) -> Iterator[Problem]:
    metadata = settings.get("podMetadata", {})
    groups = (
        (("nodeSelector", "labels"), settings.get("nodeSelector", {}).get("labels", {}), True),
        (("podMetadata", "labels"), metadata.get("labels", {}), True),
        (("podMetadata", "annotations"), metadata.get("annotations", {}), False),
    )
    for place, entries, is_label_group in groups:
        for key, value in entries.items():
            if not is_qualified(key):
                yield _problem((*path, *place, key), "a name with an optional prefix", key)
            if is_label_group and not is_label_value(value):
                yield _problem((*path, *place, key), "the value of a label: at most 63 characters", value)


def _toleration(entry: Json, path: Path) -> Iterator[Problem]:
    operator, key, value = entry.get("operator", ""), entry.get("key", ""), entry.get("value", "")
    if operator and operator not in ("Exists", "Equal"):
        yield _problem(
            (*path, "operator"), "`Exists` or `Equal`", operator, nearest(operator, ("Exists", "Equal"))
        )
    if key and not is_qualified(key):
        yield _problem((*path, "key"), "the key of a taint", key)
    if not key and operator == "Equal":
        yield _problem((*path, "key"), "a key: only `Exists` does without")
    if operator == "Exists" and value:
        yield _problem((*path, "value"), "no value with `Exists`", value)
    if not is_label_value(value):
        yield _problem((*path, "value"), "the value of a taint", value)
    effect = entry.get("effect", "")
    if effect and effect not in _EFFECTS:
        yield _problem((*path, "effect"), f"one of {', '.join(_EFFECTS)}", effect, nearest(effect, _EFFECTS))
    if "tolerationSeconds" in entry and effect != "NoExecute":
        yield _problem((*path, "tolerationSeconds"), "the effect `NoExecute`", effect)
