"""What is told of a run that has ended."""

from __future__ import annotations

from typing import Any

from beamloom.benching.running import settled


def told(seconds: float, busy: float) -> dict[str, Any]:
    return {"seconds": seconds, "busy": busy}


def test_each_process_is_asked_until_it_has_told_of_the_end() -> None:
    looks = iter(
        (
            {"reducer": told(1.0, 0.0), "worker-1": told(1.0, 0.0)},
            {"reducer": told(1.0, 0.0), "worker-1": told(1.2, 0.5)},
            {"reducer": told(1.3, 0.1), "worker-1": told(1.4, 0.6)},
        )
    )
    found = settled(lambda: next(looks))
    assert {name: one["busy"] for name, one in found.items()} == {"reducer": 0.1, "worker-1": 0.6}


def test_a_process_that_was_started_meanwhile_or_has_ended_is_not_waited_for() -> None:
    looks = iter(({"worker-1": told(1.0, 0.0)}, {"worker-2": told(0.0, 0.0)}))
    assert settled(lambda: next(looks)) == {"worker-2": told(0.0, 0.0)}
