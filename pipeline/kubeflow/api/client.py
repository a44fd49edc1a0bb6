"""The generated client with our transport: pages, filters, and posts that are not made twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import kfp_server_api as kfp
from kfp_server_api.exceptions import OpenApiException

from pipeline.kubeflow.api import errors
from pipeline.kubeflow.api.transport import Transport

T = TypeVar("T")
_PAGE_SIZE = 100


class Client:
    """The services of the API, version 2beta1.

    Args:
        transport: the connection.
        namespace: of the user; `None` where there is one user only.
        ui: address of the UI in links. Defaults to `""`.
    """

    def __init__(self, transport: Transport, namespace: str | None, ui: str = "") -> None:
        self.transport = transport
        self.namespace = namespace
        self.ui = ui.rstrip("/")
        api = kfp.ApiClient(kfp.Configuration(host=""))
        api.rest_client = transport
        self.raw_api = api
        self.pipelines = kfp.PipelineServiceApi(api)
        self.experiments = kfp.ExperimentServiceApi(api)
        self.runs = kfp.RunServiceApi(api)
        self.recurring_runs = kfp.RecurringRunServiceApi(api)
        self._health = kfp.HealthzServiceApi(api)

    def is_multi_user(self) -> bool:
        """Whether runs need a namespace; at the same time whether this is the API at all."""
        return bool(self.call(self._health.healthz_service_get_healthz).multi_user)

    def link(self, page: str) -> str:
        """Address of a page of the UI, such as `runs/details/ID`."""
        return f"{self.ui}/#/{page}"

    @staticmethod
    def call(method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Calls a method of a service.

        Raises:
            ApiError: if it fails, `KFP-309` also if the answer does not fit the API.
        """
        try:
            return method(*arguments, **named)
        except (OpenApiException, ValueError, TypeError, AttributeError, KeyError) as error:
            reason = getattr(error, "reason", None) or str(error)
            read_only = "_list_" in method.__name__ or "_get_" in method.__name__
            raise errors.foreign(method.__name__, str(reason)[:200], perhaps_done=not read_only) from None

    def pages(self, method: Callable[..., Any], field: str, **named: Any) -> Iterator[Any]:
        """Every item of a list, page after page.

        Raises:
            ApiError: if a call fails, `KFP-309` also if a page leads back to itself.
        """
        token: str | None = None
        while True:
            page = self.call(
                method, page_size=_PAGE_SIZE, **({"page_token": token} if token else {}), **named
            )
            yield from getattr(page, field) or []
            if not page.next_page_token:
                return
            if page.next_page_token == token:
                raise errors.foreign(method.__name__, "the same page twice")
            token = page.next_page_token

    def create(self, make: Callable[[], T], find: Callable[[], T | None]) -> T:
        """Makes something once: after an answer that was lost, it is looked for before it is made again.

        Args:
            make: makes it.
            find: finds it if it was made, by this caller or another.

        Raises:
            ApiError: if it cannot be made.
        """
        policy = self.transport.policy
        for attempt in range(1, policy.attempts + 1):
            try:
                return make()
            except errors.ApiError as error:
                if error.kind != "exists" and not error.perhaps_done:
                    raise
                if error.kind != "exists":
                    policy.wait(attempt)
                made = find()
                if made is not None:
                    return made
                if error.kind == "exists" or attempt == policy.attempts:
                    raise
        raise AssertionError("no attempt")


def where(key: str, value: str, operation: str = "EQUALS") -> str:
    """A filter of a list."""
    return json.dumps({"predicates": [{"operation": operation, "key": key, "string_value": value}]})


def only(**values: Any) -> dict[str, Any]:
    """The arguments that are not `None`; the generated methods send nothing for those left out."""
    return {name: value for name, value in values.items() if value is not None}
