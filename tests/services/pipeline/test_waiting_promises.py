"""Who says that it waits has nothing to do: what a process leaves lying until its next message, or its longest wait, delays results."""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.events import Event
from beamloom.results import MergingReducer
from beamloom.results.types import Sum
from beamloom.triggermap import uniform
from services.bench import Bench, Doubling, Feed, Gathering, counts, series

EVENTS = 1000
"""Many more than a worker works off in a turn."""


class Merging:
    """A worker class whose results are merged before they are sent."""

    combine = True

    def process_event(self, event: Event) -> dict[str, Any]:
        return {"events": Sum().add(event.event_number, 1)}


class Sleepless(Bench):
    """Looks whether a service that says that it waits, with nothing in its mailbox, would do something in another turn."""

    def __init__(self, feeds: dict[str, Feed], *arguments: Any, **more: Any) -> None:
        self._feeds = feeds
        super().__init__(feeds, *arguments, **more)

    def step(self) -> None:
        super().step()
        for name, service in self.services.items():
            channel = self.channels[name]
            for received in channel.receive(0.0):
                service.receive(received, self.now)
            service.turn(self.now)
            sent = channel.meter.sent
            if service.wait(self.now) > 0 and not self._device_sends(name):
                service.turn(self.now)
                assert channel.meter.sent == sent, f"{name} would have slept with something left to do"

    def _device_sends(self, name: str) -> bool:
        return any(feed.arrivals for stream, feed in self._feeds.items() if name == f"{stream}-ingester")


@pytest.mark.parametrize(("worker", "reducer"), [(Doubling, Gathering), (Merging, MergingReducer)])
def test_who_waits_has_nothing_left_to_do(worker: type, reducer: type) -> None:
    feeds = {"eiger": Feed(series(EVENTS)), "orca": Feed(series(EVENTS))}
    with Sleepless(feeds, worker, reducer, workers=["worker-1"]) as bench:
        active = bench.play(uniform(list(feeds), EVENTS))
        assert counts(active) == (EVENTS + 2, 0, 0)
