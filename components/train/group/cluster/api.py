"""The Kubernetes API, as far as a group needs it: create, list, watch, delete, logs."""

from __future__ import annotations

import datetime
import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from absl import logging

from components import cluster
from components.cluster import FIELD_MANAGER, TIMEOUT_SECONDS, broken, call, short
from components.train.group.cluster import errors

Document = dict[str, Any]

# How far the clocks of two machines may be apart.
_CLOCKS_SECONDS = 60
_GROUPS = {
    "jobsets": (errors.JOBSET_GROUP, errors.JOBSET_VERSION),
    "jobs": (errors.BATCH_GROUP, "v1"),
}


class Expired(Exception):  # noqa: N818
    """The server no longer knows the version that a watch wanted to go on from."""


class Api:
    """Objects of one namespace.

    A failure that passes, of the network or of the server, is tried again.

    Args:
        client: a `kubernetes.client.ApiClient`.
        namespace: the namespace.
        pause: sleeps for seconds. Defaults to `time.sleep`.
    """

    def __init__(self, client: Any, namespace: str, pause: Callable[[float], None] = time.sleep) -> None:
        from kubernetes.client import CoreV1Api, CustomObjectsApi

        # Jobs too: their typed models would drop what a newer cluster says.
        self._custom, self._core = CustomObjectsApi(client), CoreV1Api(client)
        self.namespace = namespace
        self._pause = pause

    def serves_jobset(self) -> bool:
        """Asks the server whether it knows JobSet in the version that is used here.

        Raises:
            TandemError: `GROUP-022`, `GROUP-027` or `GROUP-030`.
        """
        group, version = _GROUPS["jobsets"]
        asked = self._custom.get_api_resources
        return self._call("get", "jobsets", asked, group, version, _preload_content=False) is not None

    def create(self, kind: str, document: Document, dry_run: bool = False) -> bool:
        """Makes an object; false when there is one of the name already.

        Args:
            kind: `jobsets` or `jobs`.
            document: the object.
            dry_run: whether the server only says if it would. Defaults to `False`.

        Raises:
            TandemError: `GROUP-022`, `GROUP-024`, `GROUP-027`, `GROUP-028` or `GROUP-030`.
        """
        answer = self._call(
            "create",
            kind,
            self._custom.create_namespaced_custom_object,
            *self._of(kind),
            document,
            field_manager=FIELD_MANAGER,
            field_validation="Strict",
            **({"dry_run": "All"} if dry_run else {}),
        )
        return answer is not None

    def park(self, name: str, parallelism: int) -> bool:
        """Says how many pods of a Job may run at one time; false when there is no such Job.

        Raises:
            TandemError: `GROUP-022`, `GROUP-027`, `GROUP-028` or `GROUP-030`.
        """
        answer = self._call(
            "patch",
            "jobs",
            self._custom.patch_namespaced_custom_object,
            *self._of("jobs"),
            name,
            {"spec": {"parallelism": parallelism}},
            field_manager=FIELD_MANAGER,
            field_validation="Strict",
            _content_type="application/merge-patch+json",
        )
        return answer is not None

    def delete(self, kind: str, name: str) -> bool:
        """Removes an object and what it made; false when it has gone already.

        Raises:
            TandemError: `GROUP-022`, `GROUP-027` or `GROUP-030`.
        """
        answer = self._call(
            "delete",
            kind,
            self._custom.delete_namespaced_custom_object,
            *self._of(kind),
            name,
            propagation_policy="Background",
        )
        return answer is not None

    def list(self, kind: str, labels: str, fields: str = "") -> tuple[list[Document], str]:
        """Objects by their labels, and the version of the list, from which a watch goes on.

        Args:
            kind: `jobsets`, `jobs`, `pods` or `events`.
            labels: label selector; empty for all.
            fields: field selector. Defaults to `""`, all.

        Raises:
            TandemError: `GROUP-022`, `GROUP-027` or `GROUP-030`.
        """

        def whole(**options: Any) -> Document:
            return _read(self._listed(kind, labels, field_selector=fields, **options))

        told = self._call("list", kind, whole)
        if told is None:
            return [], ""
        return list(told.get("items") or []), str(told["metadata"].get("resourceVersion") or "")

    def watch(self, kind: str, labels: str, version: str, seconds: int) -> Iterator[Document]:
        """Changes since a version, until the server ends the answer or the connection breaks.

        Args:
            kind: as in `list`.
            labels: label selector.
            version: version of the list or of the last event.
            seconds: how long the server may keep the answer open.

        Yields:
            Events as the server words them: `type` and `object`.

        Raises:
            Expired: if the version is too old.
            TandemError: as in `list`.
        """
        from kubernetes.client.exceptions import ApiException

        try:
            answer = self._listed(
                kind,
                labels,
                watch=True,
                resource_version=version,
                timeout_seconds=seconds,
                allow_watch_bookmarks=True,
                # A connection that died without a word is noticed soon after.
                _request_timeout=(TIMEOUT_SECONDS[0], seconds + 15),
            )
        except ApiException as error:
            if error.status == 410:
                raise Expired from error
            raise errors.refused("watch", kind, self.namespace, error) from error
        except broken() as error:
            raise errors.unreachable(error) from error
        for line in _lines(answer):
            event = json.loads(line)
            if event.get("type") == "ERROR":
                if (event.get("object") or {}).get("code") == 410:
                    raise Expired
                return
            yield event

    def log(self, pod: str, container: str, since: str = "") -> Iterator[bytes]:
        """Lines of a pod's container, each with its time in front, until it ends or the connection breaks.

        Args:
            pod: name of the pod.
            container: name of the container.
            since: time (RFC 3339) from whose second on. Defaults to `""`, the start.

        Raises:
            TandemError: `GROUP-022`, `GROUP-027` or `GROUP-030`; also while the container waits.
        """
        from kubernetes.client.exceptions import ApiException

        # The generated client cannot say `sinceTime`.
        try:
            answer = self._core.read_namespaced_pod_log(
                pod,
                self.namespace,
                container=container,
                follow=True,
                timestamps=True,
                _preload_content=False,
                _request_timeout=(TIMEOUT_SECONDS[0], 3600),
                **({"since_seconds": _seconds_since(since)} if since else {}),
            )
        except ApiException as error:
            raise errors.refused("get", "pods/log", self.namespace, error) from error
        except broken() as error:
            raise errors.unreachable(error) from error
        yield from _lines(answer)

    def _of(self, kind: str) -> tuple[str, str, str, str]:
        return (*_GROUPS[kind], self.namespace, kind)

    def _listed(self, kind: str, labels: str, **options: Any) -> Any:
        options = {"label_selector": labels, "_preload_content": False, **options}
        options = {name: value for name, value in options.items() if value not in ("", None)}
        if kind in _GROUPS:
            return self._custom.list_namespaced_custom_object(*self._of(kind), **options)
        if kind == "events":
            return self._core.list_namespaced_event(self.namespace, **options)
        return self._core.list_namespaced_pod(self.namespace, **options)

    def _call(self, verb: str, kind: str, function: Callable[..., Any], *last: Any, **options: Any) -> Any:
        """The answer; none for what the caller decides on: not there, or there already."""

        def asked() -> Any:
            return function(*last, _request_timeout=TIMEOUT_SECONDS, **options)

        def refused(error: Any) -> None:
            gone = error.status == 404 and (verb != "create" or "dry_run" in options)
            if not gone and (error.status, verb) != (409, "create"):
                raise errors.refused(verb, kind, self.namespace, error) from error

        return call(asked, f"{verb} {kind}", refused, errors.unreachable, self._pause)


def connect(namespace: str | None = None) -> Api:
    """Opens the cluster that this pod runs in, or else that of the kubeconfig.

    Args:
        namespace: namespace of the group. Defaults to `None`, that of the pod or of the kubeconfig.

    Raises:
        TandemError: `GROUP-021` if there is no cluster or no namespace.
    """
    return Api(*cluster.connect(namespace, errors.no_cluster))


def _read(answer: Any) -> Document:
    """The list that an answer holds; one that is cut off or something else is no answer."""
    try:
        told = json.loads(answer.data)
    except (ValueError, RecursionError) as error:
        raise http.client.HTTPException(f"no JSON: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("metadata"), dict):
        raise http.client.HTTPException(f"no list: {str(told)[:100]}")
    return told


def _lines(answer: Any) -> Iterator[bytes]:
    """Whole lines of an open answer; one that was cut off is left out."""
    rest = b""
    try:
        for chunk in answer.stream(amt=None, decode_content=False):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line for line in whole if line)
    except broken() as error:
        logging.info("An answer of the Kubernetes API broke off: %s", short(error))
    finally:
        answer.close()


def _seconds_since(moment: str) -> int:
    then = datetime.datetime.fromisoformat(moment[:19] + "+00:00")
    return max(0, int((datetime.datetime.now(datetime.UTC) - then).total_seconds())) + _CLOCKS_SECONDS
