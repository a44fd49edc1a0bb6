"""Calls that are timed side by side."""

from __future__ import annotations

from trainer.churn.timing import side_by_side


def test_calls_take_turns_and_the_first_round_does_not_count() -> None:
    now, made = [0.0], []

    def call(name: str, seconds: float):
        def run() -> None:
            made.append(name)
            # As a graph that is prepared by the first call.
            now[0] += seconds if made.count(name) > 1 else 100.0

        return run

    taken = side_by_side({"a": call("a", 1.0), "b": call("b", 3.0)}, rounds=3, clock=lambda: now[0])
    assert taken == {"a": [1.0] * 3, "b": [3.0] * 3}
    assert made == ["a", "b", "a", "b", "b", "a", "a", "b"]
