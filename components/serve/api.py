"""The Kubernetes API, as far as InferenceServices need it, with errors that say what to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from components import cluster
from components.cluster import FIELD_MANAGER, TIMEOUT_SECONDS, call, short, status
from components.serve import manifest
from components.serve.manifest import GROUP, PLURAL, VERSION, Document
from trainer.errors import TandemError


class Services:
    """InferenceServices of one namespace.

    A failure that passes, of the network or of the server, is tried again.

    Args:
        api: a `kubernetes.client.CustomObjectsApi`.
        namespace: the namespace.
        pause: sleeps for seconds. Defaults to `time.sleep`.
    """

    def __init__(self, api: Any, namespace: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._api = api
        self.namespace = namespace
        self._pause = pause

    def get(self, name: str) -> Document | None:
        """Reads a service; none when there is no such service.

        Raises:
            TandemError: `SERVE-021` to `SERVE-025`.
        """
        return self._call("get", name, self._api.get_namespaced_custom_object, name)

    def create(self, document: Document) -> Document | None:
        """Makes a service; none when there is one of the name already.

        Raises:
            TandemError: `SERVE-021` to `SERVE-025`.
        """
        return self._call(
            "create",
            document["metadata"]["name"],
            self._api.create_namespaced_custom_object,
            document,
            field_manager=FIELD_MANAGER,
            field_validation="Strict",
        )

    def patch(self, existing: Document, patch: Document) -> Document | None:
        """Merges a patch into the service as it was read; none when it has changed or gone since.

        A merge patch and no server-side apply: apply would take fields from whoever set them with another
        tool, by force, and could not remove a field that it never owned, such as the split of traffic.

        Raises:
            TandemError: `SERVE-021` to `SERVE-025`.
        """
        told = existing["metadata"]
        metadata = {**patch.get("metadata", {}), "resourceVersion": told["resourceVersion"]}
        return self._call(
            "patch",
            told["name"],
            self._api.patch_namespaced_custom_object,
            told["name"],
            {**patch, "metadata": metadata},
            field_manager=FIELD_MANAGER,
            field_validation="Strict",
            _content_type="application/merge-patch+json",
        )

    def _call(self, verb: str, name: str, function: Callable[..., Any], *last: Any, **options: Any) -> Any:
        def asked() -> Any:
            where = (GROUP, VERSION, self.namespace, PLURAL)
            return function(*where, *last, _request_timeout=TIMEOUT_SECONDS, **options)

        def refused(error: Any) -> None:
            return self._refused(verb, name, error)

        return call(asked, f"{verb} {name}", refused, _unreachable, self._pause)

    def _refused(self, verb: str, name: str, error: Any) -> None:
        """None for what the caller decides on: not there, or there already, or changed meanwhile."""
        told = status(error)
        about = told.get("details") or {}
        if error.status == 404 and about.get("name") == name and verb != "create":
            return
        if error.status == 409:
            return
        raise _explained(verb, self.namespace, error, told.get("message") or short(error)) from error


def connect(namespace: str | None = None) -> Services:
    """Opens the cluster that this pod runs in, or else that of the kubeconfig.

    Args:
        namespace: namespace of the services. Defaults to `None`, that of the pod or of the kubeconfig.

    Raises:
        TandemError: `SERVE-020` if there is no cluster or no namespace.
    """
    from kubernetes import client

    opened, here = cluster.connect(namespace, _no_cluster)
    return Services(client.CustomObjectsApi(opened), here)


def _explained(verb: str, namespace: str, error: Any, message: str) -> TandemError:
    expected = f"Expected to {verb} the {manifest.KIND} in namespace {namespace}. Received: {message}"
    if error.status in (401, 403):
        return TandemError(
            "SERVE-022",
            expected,
            f"Give the service account of the step the verb `{verb}` (it needs get, create and patch) on "
            f"{PLURAL}.{GROUP} there; check with `kubectl auth can-i {verb} {PLURAL}.{GROUP} -n {namespace} "
            "--as=system:serviceaccount:NAMESPACE:ACCOUNT`.",
        )
    if error.status == 404:
        return TandemError(
            "SERVE-021",
            expected,
            f"Check that KServe is installed, `kubectl get crd {PLURAL}.{GROUP}`, and that the namespace is "
            f"there, `kubectl get namespace {namespace}`.",
        )
    if error.status in (400, 422):
        return TandemError(
            "SERVE-024",
            expected,
            "Correct `push.kserve` in the configuration and compile again; KServe 0.16 or newer is needed.",
        )
    return TandemError(
        "SERVE-025",
        expected,
        "See the log of the Kubernetes API server and of the KServe controller, then run the step again.",
    )


def _unreachable(error: Exception) -> TandemError:
    return TandemError(
        "SERVE-023",
        f"Expected the Kubernetes API to answer. Received: {short(error)}",
        "Check the network policy of the step and `kubectl get --raw /readyz`, then run the step again.",
    )


def _no_cluster(received: str) -> TandemError:
    return TandemError(
        "SERVE-020",
        f"Expected to run in a cluster, or a kubeconfig. Received: {received}",
        "Run the step in the cluster, or name a file with the environment variable KUBECONFIG.",
        exit_status=2,
    )
