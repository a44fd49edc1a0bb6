"""What a rollout came to."""

from __future__ import annotations

import dataclasses
from typing import Any

from trainer.errors import TandemError


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a rollout came to.

    Args:
        served: whether the release is served.
        action: `none`, `created`, `changed` or `unchanged`. Defaults to `"none"`.
        name: name of the service. Defaults to `""`.
        namespace: its namespace. Defaults to `""`.
        storage_uri: what was to be served. Defaults to `""`.
        previous_storage_uri: what was served before. Defaults to `""`.
        canary_percent: share of the traffic that it takes, none for all. Defaults to `None`.
        was_canary: whether the release before had not been promoted either. Defaults to `False`.
        ready_seconds: how long it took to be ready. Defaults to `0.0`.
        rolled_back: whether the service was taken back to the release before. Defaults to `False`.
        url: address of the service. Defaults to `""`.
        reason: why it is not served, or was not changed. Defaults to `""`.
        failure: what to raise. Defaults to `None`.
    """

    served: bool
    action: str = "none"
    name: str = ""
    namespace: str = ""
    storage_uri: str = ""
    previous_storage_uri: str = ""
    canary_percent: int | None = None
    was_canary: bool = False
    ready_seconds: float = 0.0
    rolled_back: bool = False
    url: str = ""
    reason: str = ""
    failure: TandemError | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields, the failure as its code or `""`."""
        told = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return told | {"failure": self.failure.code if self.failure else ""}
