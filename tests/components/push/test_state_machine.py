"""Whatever is done in whatever order, cut off or not: only the blessed model is pushed, whole, once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from components.push import manifest, registry
from trainer.errors import TandemError

BLESSINGS = ["blessed", "blessed", "not blessed", "absent", "another model's", "stale", "unreadable"]
CUTS = st.one_of(st.none(), st.integers(1, 110))


def machine(helpers: Any, faults: Any) -> type[RuleBasedStateMachine]:
    """The machine, with the helpers it runs on."""
    models = Path(tempfile.mkdtemp())

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.place = helpers.Place(Path(tempfile.mkdtemp()))
            self.place.root.joinpath("models").symlink_to(models)
            self.digests = {seed: self.place.blessing(seed, 64)["model_digest"] for seed in range(3)}
            self.blessed: set[str] = set()
            self.used: set[int] = set()
            self.last: tuple[int, str, str, Any] | None = None

        def teardown(self) -> None:
            shutil.rmtree(self.place.root)

        @rule(seed=st.integers(0, 2), run=st.integers(0, 2), kind=st.sampled_from(BLESSINGS), cut=CUTS)
        def push(self, seed: int, run: int, kind: str, cut: int | None) -> None:
            self._push(seed, f"run-{run}", kind, self._blessing(seed, kind), cut)

        @rule(cut=CUTS)
        def retry(self, cut: int | None) -> None:
            if self.last is not None:
                self._push(*self.last, cut)

        @rule(cut=CUTS)
        def roll_back(self, cut: int | None) -> None:
            before = self.place.live()
            result, code = self._attempt(self.place.rollback, cut)
            if code == "crash":
                assert self.place.live() in (before, before[:-1])
            elif result is None:
                assert code == "PUSH-007"
                assert len(before) < 2
            else:
                assert (
                    result.served
                    == max(self.place.live())
                    == before[-2 if result.denied[0] in before else -1]
                )

        def _attempt(self, call: Callable[[], Any], cut: int | None) -> tuple[Any, str]:
            """Its result, or none and how it ended."""
            try:
                with faults.at(cut or 0, self.place.root, "crash"):
                    return call(), ""
            except helpers.Crash:
                return None, "crash"
            except TandemError as error:
                return None, error.code

        @rule()
        def forget_a_record(self) -> None:
            for version in self.place.live()[-1:]:
                registry.record_path(self.place.registry, "demo", version).unlink(missing_ok=True)

        def _blessing(self, seed: int, kind: str) -> Any:
            blessing = self.place.blessing(seed, 64)
            if kind == "not blessed":
                blessing["blessed"] = False
            elif kind == "absent":
                return None
            elif kind == "another model's":
                blessing["model_digest"] = self.digests[(seed + 1) % 3]
            elif kind == "stale":
                blessing["baseline"]["version"] += 1
            elif kind == "unreadable":
                blessing["blessed"] = "yes"
            return blessing

        def _push(self, seed: int, run: str, kind: str, blessing: Any, cut: int | None) -> None:
            self.last = (seed, run, kind, blessing)
            before, denied = self.place.live(), self.place.denied()
            # A blessing may get stale before a retry, and a stale one true again by a rollback.
            fresh = kind in ("blessed", "stale") and blessing["baseline"]["version"] == max(before, default=0)
            if fresh:
                self.blessed.add(self.digests[seed])
            result, code = self._attempt(lambda: self.place.push(seed, run, 64, blessing=blessing), cut)
            if code == "crash":
                after = self.place.live()
                assert after == before or (fresh and after[:-1] == before)
            elif result is None:
                if kind in ("blessed", "stale"):
                    assert (code, fresh) == ("PUSH-008", False)
                else:
                    assert code == ("PUSH-003" if kind == "another model's" else "PUSH-001")
                    assert kind != "not blessed"
                assert self.place.live() == before
            else:
                after = self.place.live()
                assert result.pushed == (result.version is not None)
                assert after == ([*before, result.version] if result.created else before)
                assert not result.pushed or kind in ("blessed", "stale")
                assert fresh or not result.created
                assert result.pushed or kind == "not blessed" or denied
                if result.created:
                    assert result.version not in self.used
                    assert result.version > max(self.used, default=0)
                if result.pushed:
                    contents = manifest.verify(result.path)
                    assert (contents.digest, contents.run_id) == (self.digests[seed], run)
                    assert (
                        registry.newest_blessed(self.place.serving, "demo", self.place.registry) is not None
                    )
            self.used |= {*self.place.live(), *self.place.denied()}

        @invariant()
        def served_versions_are_whole_and_blessed(self) -> None:
            for directory in registry.directories(self.place.serving, "demo").values():
                assert manifest.verify(directory).digest in self.blessed

        @invariant()
        def a_version_is_always_served_after_the_first(self) -> None:
            assert bool(self.place.live()) == bool(self.used)

    return Machine


def _run(helpers, faults, monkeypatch, **options) -> None:
    # Durability on disk plays no part here, and thousands of flushes would take minutes.
    monkeypatch.setattr(faults, "skip_fsync", True)
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    chosen = settings(deadline=None, database=None, suppress_health_check=checks, **options)
    run_state_machine_as_test(machine(helpers, faults), settings=chosen)


def test_any_sequence_of_pushes_rollbacks_and_crashes(helpers, faults, monkeypatch):
    _run(helpers, faults, monkeypatch, max_examples=60, stateful_step_count=20, derandomize=True)


@pytest.mark.soak
def test_ten_thousand_sequences(helpers, faults, monkeypatch, request):
    if "soak" not in request.config.getoption("markexpr"):
        pytest.skip("long sweep")
    _run(helpers, faults, monkeypatch, max_examples=10_000, stateful_step_count=20)
