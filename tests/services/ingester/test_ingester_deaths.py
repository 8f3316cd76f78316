"""An ingester dies after any message and another one takes its stream up: what died with it is named, and everything else is right.

``BEAMLOOM_DEEP=1`` kills it after each message (see ``moments``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from beamloom.events import Bearing, Malformed, Packet, PacketKind
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Received
from beamloom.triggermap import TriggerMap, open_ended, uniform
from services.bench import LAST_STEP, Bench, Feed, counts, series
from services.controller.test_controller_restarts import Restarting
from services.moments import Moments, at_moments
from services.reducer_lives import Pipeline

FRAMES = 24
SOON = ControllerSettings(ingester_timeout=1.5)


class Device:
    """A device that sends a packet now and then to whoever is connected, and numbers them."""

    def __init__(self, packets: list[Packet], *, numbers: bool = True) -> None:
        self.to_send = deque(packets)
        self.numbers = numbers
        self.source: Numbered | None = None
        self.begun = False
        self.waits_for_client = True

    def source_for_run(self) -> Numbered:
        return Numbered(self)

    def send(self, count: int) -> None:
        """Send the next packets; nobody gets them while nobody is connected, unless the device waits."""
        for _ in range(min(count, len(self.to_send))):
            if self.source is None and self.waits_for_client:
                return
            packet = self.to_send.popleft()
            if self.source is not None:
                self.source.arrivals.append(packet)


class Numbered(Feed):
    """One connection to such a device: what it has received dies with it."""

    def __init__(self, device: Device) -> None:
        super().__init__()
        self.device = device
        self.in_series = False

    def open(self) -> None:
        super().open()
        self.device.source = self

    def read(self, limit: int) -> list[Packet | Malformed]:
        items = super().read(limit)
        given = []
        for item in items:
            self.in_series = self.in_series or (isinstance(item, Packet) and item.kind is PacketKind.START)
            if self.in_series:
                given.append(item)
        return given

    @property
    def bearing(self) -> Bearing | None:
        return {} if self.in_series and self.device.numbers else None

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        self.in_series = True
        return 0

    def close(self) -> None:
        super().close()
        if self.device.source is self:
            self.device.source = None


class Scene:
    """A bench with devices, whose ingesters die and come back."""

    def __init__(
        self, devices: dict[str, Device], settings: ControllerSettings | None = None, **more: Any
    ) -> None:
        self.devices = devices
        feeds: dict[str, Feed] = {stream: device.source_for_run() for stream, device in devices.items()}
        self.bench = Bench(feeds, settings=settings, **more)
        self.pace = 3

    def step(self) -> None:
        for device in self.devices.values():
            device.send(self.pace)
        self.bench.step()

    def kill(self, stream: str) -> None:
        self.devices[stream].source = None
        self.bench.kill(f"{stream}-ingester")

    def start(self, stream: str) -> None:
        self.bench.add_ingester(stream, self.devices[stream].source_for_run())

    def finish(self, steps: int = 20_000) -> None:
        for _ in range(steps):
            if self.bench.active.finished:
                return
            self.step()
        run = self.bench.active.run
        raise AssertionError(f"the run does not end: {run.ledger.counts()}, {run.succession.vacant}")


@contextmanager
def scene(devices: dict[str, Device], **more: Any) -> Iterator[Scene]:
    made = Scene(devices, **more)
    try:
        yield made
    finally:
        made.bench.close()


def check(
    bench: Bench, expected: dict[int, Any], lost_by: str = "ingester", *, reducer_died: bool = False
) -> int:
    """Every event is accounted for, none is paired wrongly, each loss says why; returns how many are lost.

    ``reducer_died``: workers may have sent the next one results again that it had from the journal.
    """
    active = bench.active
    ledger = active.run.ledger
    assert ledger.complete
    reduced, failed, lost = counts(active)
    assert failed == 0
    assert reduced + lost == ledger.total == len(expected)
    published = bench.published["results"]
    assert len(published) == reduced
    for event, result in published.items():
        assert result == expected[event], event
        assert event in ledger.reduced
    for loss in ledger.losses:
        assert lost_by in loss.cause, loss
    if not reducer_died:
        assert bench.services["reducer"].figures()["duplicates"] == 0  # type: ignore[attr-defined]
    return lost


def constrained() -> TriggerMap:
    cells: list[list[dict[str, object]]] = [[{"constraint": event % 5}] for event in range(FRAMES)]
    cells[7] = [{"constraint": 1}, {"constraint": 2}]
    cells[11] = [{"tags": ["generic"]}]
    other = [[{"constraint": (event + event // 9) % 5}] for event in range(FRAMES)]
    return TriggerMap.from_json({"parts": {"main": {"a": cells, "b": other}}, "sequence": ["main"]})


MAPS: dict[str, Callable[[], TriggerMap]] = {
    "uniform": lambda: uniform(["a", "b"], FRAMES),
    "constrained": constrained,
    "open-ended": lambda: open_ended(["a", "b"]),
}


def oracle(trigger_map: TriggerMap) -> dict[int, Any]:
    with Bench({"a": Feed(series(FRAMES)), "b": Feed(series(FRAMES))}) as bench:
        bench.play(trigger_map)
        return dict(bench.published["results"])


def play(
    trigger_map: TriggerMap, kill_after: int | None, *, waits: bool, back_after: int
) -> tuple[int, Scene]:
    """Play a run; the ingester of stream a is killed after so many messages from it or to it, another comes ``back_after`` steps."""
    devices = {"a": Device(series(FRAMES)), "b": Device(series(FRAMES))}
    devices["a"].waits_for_client = waits
    made = Scene(devices, SOON)
    bench = made.bench
    seen = 0

    def tap(name: str, received: Received) -> bool:
        nonlocal seen
        seen += name == "a-ingester" or received.sender.startswith("a-ingester")
        return True

    bench.arm(trigger_map)
    bench.tap = tap
    killed_at: int | None = None
    for step in range(20_000):
        if kill_after is not None and killed_at is None and seen >= kill_after:
            killed_at = step
            made.kill("a")
        if killed_at is not None and step == killed_at + back_after:
            made.start("a")
        if bench.active.finished:
            return seen, made
        made.step()
    run = bench.active.run
    raise AssertionError(
        f"killed after {kill_after}: the run does not end: {run.ledger.counts()}, {run.succession.vacant}"
    )


@at_moments
@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("name", sorted(MAPS))
def test_a_stream_is_taken_up_after_the_death_of_its_ingester_at_any_moment(
    name: str, waits: bool, moments: Moments
) -> None:
    expected = oracle(MAPS[name]())
    total, whole = play(MAPS[name](), None, waits=waits, back_after=0)
    assert check(whole.bench, expected) == 0
    whole.bench.close()
    assert total > 20
    fates = set()
    for after in moments(1, total, 2):
        _, made = play(MAPS[name](), after, waits=waits, back_after=1 + after % 7)
        fates.add(check(made.bench, expected) > 0)
        made.bench.close()
    assert False in fates


def test_a_stream_without_numbers_is_lost_from_there_on_and_says_why() -> None:
    devices = {"a": Device(series(FRAMES), numbers=False), "b": Device(series(FRAMES))}
    expected = oracle(uniform(["a", "b"], FRAMES))
    with scene(devices, settings=SOON) as made:
        active = made.bench.arm(uniform(["a", "b"], FRAMES))
        while made.bench.reduced() < 9:
            made.step()
        made.kill("a")
        made.start("a")
        made.finish()
        assert check(made.bench, expected, "no numbers of their own") > 0
        assert active.run.ledger.losses[0].cause.startswith("the ingester of stream 'a' is gone")


def test_the_wait_for_an_ingester_has_an_end() -> None:
    devices = {"a": Device(series(FRAMES)), "b": Device(series(FRAMES))}
    expected = oracle(uniform(["a", "b"], FRAMES))
    with scene(devices, settings=SOON) as made:
        active = made.bench.arm(uniform(["a", "b"], FRAMES))
        while made.bench.reduced() < 9:
            made.step()
        made.kill("a")
        while not active.run.succession.vacant:
            made.step()
        assert not active.finished
        made.finish()
        assert check(made.bench, expected, "(ingester_timeout)") > 0


@pytest.mark.parametrize("between", [0, 3, 6, 150])
def test_a_stream_is_taken_up_when_the_controller_dies_at_the_same_time(between: int, tmp_path: Path) -> None:
    device = Device(series(FRAMES))
    pipeline = Restarting(tmp_path, {"a": device.source_for_run()})
    bench = pipeline.bench
    bench.arm(uniform(["a"], FRAMES))

    def step() -> None:
        device.send(1)
        bench.step()

    while bench.reduced() < 8:
        step()
    device.source = None
    bench.kill("a-ingester")
    bench.add_ingester("a", device.source_for_run())
    for _ in range(between):
        step()
    pipeline.kill()
    for _ in range(LAST_STEP):
        if bench.active.finished:
            break
        step()
    with Bench({"a": Feed(series(FRAMES))}) as whole:
        whole.play(uniform(["a"], FRAMES))
        expected = dict(whole.published["results"])
    assert check(bench, expected) < 5
    pipeline.close()


def test_an_ingester_that_comes_before_the_next_reducer_takes_the_stream_up_when_that_is_there(
    tmp_path: Path,
) -> None:
    device = Device(series(FRAMES))
    with Bench({"a": device.source_for_run()}, reducer=None) as bench:
        reducers = Pipeline(bench, tmp_path)
        reducers.begin_life()
        bench.until(bench.everyone_known)
        active = bench.arm(uniform(["a"], FRAMES))
        while bench.reduced() < 8:
            device.send(1)
            bench.step()
        device.source = None
        reducers.kill()
        bench.kill("a-ingester")
        bench.until(lambda: bool(active.run.succession.vacant) and bench.controller.ensemble.reducer is None)
        bench.add_ingester("a", device.source_for_run())
        bench.steps(50)
        assert device.source is None, "it is not armed before there is a reducer"
        reducers.begin_life()
        for _ in range(LAST_STEP):
            if active.finished:
                break
            device.send(1)
            bench.step()
        with Bench({"a": Feed(series(FRAMES))}) as whole:
            whole.play(uniform(["a"], FRAMES))
            expected = dict(whole.published["results"])
        assert check(bench, expected, reducer_died=True) < 5
