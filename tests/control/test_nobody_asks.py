"""What the API and the dashboard show is computed when somebody asks for it, and not before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from beamloom.control.views import runs as views
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, series

FRAMES = 200
SHOWING = ("beamloom.control.", "beamloom.doctor.")


@contextmanager
def calls() -> Iterator[set[str]]:
    """The functions of what shows a pipeline that are called in this thread meanwhile."""
    found: set[str] = set()

    def heard(frame: FrameType, event: str, argument: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith(SHOWING):
            found.add(f"{module}.{frame.f_code.co_qualname}")

    before: Callable[..., Any] | None = sys.getprofile()
    sys.setprofile(heard)
    try:
        yield found
    finally:
        sys.setprofile(before)


def test_a_run_that_nobody_looks_at_costs_nothing_to_be_shown() -> None:
    with Bench({"eiger": Feed(series(FRAMES))}) as bench:
        with calls() as unasked:
            active = bench.play(uniform(["eiger"], FRAMES))
            bench.steps(500)
        assert active.run.ledger.counts().reduced == FRAMES + 2
        with calls() as asked:
            views.progress(active)
    assert unasked == set()
    assert "beamloom.control.views.runs.progress" in asked
