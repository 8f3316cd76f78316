"""An ingester dies behind the last frame of a series, before the message that ends it: every device that sends one, by its own simulator.

The next ingester gets the end and gives it its place; of a device whose packets nobody could place any more the end is lost, which is said.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from beamloom.devices.device import Simulator, Source
from beamloom.devices.registry import GROUP, find_device
from beamloom.events import Event
from beamloom.settings import ControllerSettings
from beamloom.triggermap import uniform
from services.bench import Bench, counts
from support.patience import PATIENCE

FRAMES = 3
SERIES: dict[str, dict[str, Any]] = {
    "albaem": {"frames": FRAMES},
    "bluesky": {"rows": FRAMES},
    "dectris_v1": {"frames": FRAMES},
    "dectris_v2": {"frames": FRAMES},
    "pandabox": {"rows": FRAMES},
    "pcap": {"rows": FRAMES},
    "stins": {"frames": FRAMES},
    "contrast": {"positions": [(n, n) for n in range(FRAMES)]},
    "lecroy": {"sequences": FRAMES},
    "xspress3": {"frames": FRAMES},
}
"""What each device sends in a series, as its ``generate`` takes it."""
COUNTED_ANEW = {"contrast", "lecroy", "xspress3"}
"""Those whose series is not taken up in its middle."""
MADE_HERE = {"adzmq", "jungfrau", "karabo", "pva"}
"""Those that send no end: their source makes it behind the last frame."""
HAD_AGAIN = {"generator", "hdf5", "images", "sardana"}
"""Those that are read again, or post their scan again, with its end."""


class Seeing:
    """A worker class that returns the number of streams."""

    def process_event(self, event: Event) -> int:
        return len(event.streams)


class Scene:
    """A simulated device, and a pipeline in memory that reads it over a socket, in real time."""

    def __init__(self, device: str) -> None:
        self.device = find_device(device)
        self.simulator: Simulator = self.device.simulator("tcp://127.0.0.1:*")
        settings = ControllerSettings(ingester_timeout=PATIENCE)
        self.bench = Bench({}, Seeing, settings=settings, clock=time.monotonic)
        self.source = self._connect()
        self.until("the ingester is known", self.bench.everyone_known)

    def _connect(self) -> Source:
        source = self.device.source(msgspec.convert({"url": self.simulator.url}, self.device.settings))
        self.bench.add_ingester("a", source)
        return source

    def start(self) -> None:
        """Start an ingester where the former one is gone without a word, and its connection with it."""
        self.bench.kill("a-ingester")
        self.source.close()
        self.source = self._connect()

    def until(self, what: str, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
            self.bench.step()

    def play(self, messages: Sequence[Sequence[bytes]]) -> None:
        self.simulator.wait_for_client(PATIENCE)
        assert self.simulator.play(messages) == len(messages)

    def close(self) -> None:
        self.bench.close()
        self.simulator.close()


@contextmanager
def scene(device: str) -> Iterator[Scene]:
    made = Scene(device)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("name", sorted(SERIES))
def test_the_end_of_a_series_outlives_the_ingester_or_is_lost_with_a_sentence(name: str) -> None:
    with scene(name) as made:
        *frames, end = made.device.generate(**SERIES[name])
        active = made.bench.arm(uniform(["a"], FRAMES))
        made.play(frames)
        made.until("all frames are reduced", lambda: made.bench.reduced() == FRAMES + 1)
        made.start()
        if name in COUNTED_ANEW:
            made.until("the run is over", lambda: active.finished)
            assert counts(active) == (FRAMES + 1, 0, 1)
            (loss,) = active.run.ledger.losses
            assert "cannot be taken up by another ingester in the middle of a run" in loss.cause
            return
        made.until("it is taken up", lambda: active.run.standing["a"].taken_up_at is not None)
        made.until("it is connected", made.source.connected)
        made.play([end])
        made.until("the run is over", lambda: active.finished)
        assert counts(active) == (FRAMES + 2, 0, 0)


def test_every_device_is_known_to_this_test() -> None:
    shipped = {
        entry.name for entry in importlib.metadata.distribution("beamloom").entry_points.select(group=GROUP)
    }
    assert shipped == SERIES.keys() | MADE_HERE | HAD_AGAIN
