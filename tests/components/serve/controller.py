"""What KServe and the workload below it do after a change: statuses in the order in which they appear."""

from __future__ import annotations

from typing import Any

REVISION = "flights-predictor-{:05d}"
SEEN, ROLLED = 0.05, 0.15


class Controller:
    """Status of one service over time.

    As in KServe, `observedGeneration` is that of the Deployment or Knative service. Behaviours: `ready`,
    `never`, `flaps` (ready for a moment, then not, then for good), `half` (the generation moves while the
    old ready is still reported, then never ready) and `frozen` (the controller is away).
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.workload_generation = 0
        self._template: Any = None
        self._current: dict[str, Any] = {}
        self._due: list[tuple[float, dict[str, Any]]] = []
        self._rolled_out = ""
        self._percent: int | None = None

    def change(self, document: dict[str, Any], behaviour: str, now: float) -> None:
        self.status(now)
        predictor = dict(document["spec"]["predictor"])
        self._percent = predictor.pop("canaryTrafficPercent", None)
        predictor.pop("deploymentStrategy", None)
        if self.mode == "Standard":
            # The autoscaler has it, not the pods.
            predictor.pop("minReplicas", None)
        template = (predictor, document["metadata"].get("annotations"))
        if template == self._template or behaviour == "frozen":
            return
        self._template = template
        self.workload_generation += 1
        waiting, ready = self._told("Unknown"), self._told("True")
        failed = self._told("Unknown", "ModelLoadFailed: no such object")
        steps = {
            "ready": [(SEEN, waiting), (ROLLED, ready)],
            "never": [(SEEN, waiting), (ROLLED, failed)],
            "flaps": [(SEEN, waiting), (0.1, ready), (0.14, waiting), (1.2, ready)],
            "half": [(SEEN, ready | self._components(old=True)), (0.1, waiting), (ROLLED, failed)],
        }[behaviour]
        self._due = [(now + delay, told) for delay, told in steps]

    def scale(self) -> None:
        """An autoscaler changes the Deployment, which moves its generation."""
        self.workload_generation += 1
        self._current["observedGeneration"] = self.workload_generation

    def status(self, now: float) -> dict[str, Any]:
        while self._due and self._due[0][0] <= now:
            self._current = self._due.pop(0)[1]
        if self.mode == "Knative" and self._percent is None and self._ready():
            self._rolled_out = self._current["components"]["predictor"]["latestReadyRevision"]
        told = dict(self._current)
        if "components" in told:
            predictor = told["components"]["predictor"] | {"latestRolledoutRevision": self._rolled_out}
            told["components"] = {"predictor": predictor}
        return told

    def _ready(self) -> bool:
        return any(one["status"] == "True" for one in self._current.get("conditions", []))

    def _told(self, ready: str, failure: str = "") -> dict[str, Any]:
        told: dict[str, Any] = {
            "observedGeneration": self.workload_generation,
            "deploymentMode": self.mode,
            "conditions": [{"type": "Ready", "status": ready, "reason": "Rollout"}],
            "url": "http://flights.models.example.com",
        }
        if failure:
            reason, _, message = failure.partition(": ")
            told["modelStatus"] = {
                "transitionStatus": "BlockedByFailedLoad",
                "lastFailureInfo": {"reason": reason, "message": message},
            }
        return told | (self._components(old=ready != "True") if self.mode == "Knative" else {})

    def _components(self, old: bool) -> dict[str, Any]:
        if self.mode != "Knative":
            return {}
        before = (self._current.get("components") or {}).get("predictor") or {}
        created = REVISION.format(self.workload_generation)
        running = before.get("latestReadyRevision", "") if old else created
        return {
            "components": {"predictor": {"latestCreatedRevision": created, "latestReadyRevision": running}}
        }
