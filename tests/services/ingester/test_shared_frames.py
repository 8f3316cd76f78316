"""Large frames that workers read in the memory of the ingester: the same results, whoever reads, dies, or keeps what it was shown."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.devices.generator import GeneratorSettings, GeneratorSource, truth
from beamloom.events import Event, Packet
from beamloom.recordings import RecordingReader
from beamloom.services.ingester import stream_run
from beamloom.services.ingester.service import IngesterService
from beamloom.services.worker.debugworker import LastEvents
from beamloom.services.worker.service import WorkerService
from beamloom.transport.channel import Received
from beamloom.transport.messages import Borrows, Offer, Packets
from beamloom.transport.shared_memory import SHARED_BYTES, Borrowed, Borrowing, StaleFrame
from beamloom.triggermap import TriggerMap, uniform
from services.bench import Bench, Feed, counts, end, start

FRAMES = 40
EVENTS = FRAMES + 2
ROOM = 8 << 20


def image(number: int, size: int = SHARED_BYTES) -> Packet:
    """A small frame and a large one, both full of the number."""
    return Packet("test", [bytes([number]), bytes([number]) * size], number)


def images(count: int = FRAMES, size: int = SHARED_BYTES) -> list[Packet]:
    return [start(), *(image(number, size) for number in range(1, count + 1)), end(count + 1)]


class Reading:
    """Says what a frame is full of, and whether it was lent."""

    def process_event(self, event: Event) -> dict[str, Any] | None:
        frames = event.streams["camera"].frames
        if len(frames) < 2:
            return None
        whole = np.frombuffer(frames[1], np.uint8)
        assert whole.min() == whole.max()
        return {"number": int(whole[0]), "lent": type(frames[1]) is memoryview and _is_lent(frames[1])}


def _is_lent(frame: memoryview) -> bool:
    return isinstance(frame.obj, Borrowed)


class Keeping(Reading):
    """Subtracts what it has seen first, as of a dark image, and keeps every tenth frame."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, Any]] = []

    def process_event(self, event: Event) -> dict[str, Any] | None:
        result = super().process_event(event)
        if result is not None:
            for number, frame in self.kept:
                assert set(bytes(frame)) == {number}
            if not self.kept or result["number"] % 10 == 0:
                self.kept.append((result["number"], event.streams["camera"].frames[1]))
        return result


def bench_with(feed: Feed, worker: type = Reading, **settings: Any) -> Bench:
    bench = Bench({}, worker)
    bench.add_ingester("camera", feed, lends=ROOM, **settings)
    bench.until(bench.everyone_known)
    return bench


def results(bench: Bench) -> dict[int, int]:
    return {event: found["number"] for event, found in bench.published["results"].items() if found}


def lent(bench: Bench) -> int:
    return sum(found["lent"] for found in bench.published["results"].values() if found)


def ingester(bench: Bench) -> IngesterService:
    service = bench.services["camera-ingester"]
    assert isinstance(service, IngesterService)
    return service


EXPECTED = {number: number for number in range(1, FRAMES + 1)}


def play(bench: Bench, feed: Feed, packets: list[Packet]) -> None:
    """A run in which the device sends a packet each turn."""
    active = bench.arm(uniform(["camera"], len(packets) - 2))
    for packet in packets:
        feed.send([packet])
        bench.step()
    bench.until(lambda: active.finished)
    assert counts(active) == (len(packets), 0, 0)


def test_workers_read_large_frames_where_they_are() -> None:
    feed = Feed()
    with bench_with(feed) as bench:
        sent: list[int] = []
        bench.tap = lambda name, received: _note_size(sent, received)
        play(bench, feed, images())
        assert results(bench) == EXPECTED
        assert lent(bench) > FRAMES / 2
        assert sum(sent) < (FRAMES - lent(bench) + 2) * (SHARED_BYTES + 10)
        assert ingester(bench).figures()["shared_bytes"] <= 2 * SHARED_BYTES


def _note_size(sent: list[int], received: Received) -> bool:
    if isinstance(received.message, Packets):
        sent.append(sum(map(len, received.buffers)))
    return True


def test_a_second_run_needs_no_new_offer() -> None:
    feed = Feed()
    with bench_with(feed) as bench:
        play(bench, feed, images())
        offers: list[Offer] = []
        bench.tap = lambda name, received: _note_offer(offers, received)
        play(bench, feed, images())
        assert offers == []
        assert lent(bench) == FRAMES


def _note_offer(offers: list[Offer], received: Received) -> bool:
    if isinstance(received.message, Offer):
        offers.append(received.message)
    return True


def test_small_frames_are_not_shared() -> None:
    feed = Feed()
    with bench_with(feed) as bench:
        play(bench, feed, images(size=SHARED_BYTES - 1))
        assert results(bench) == EXPECTED
        assert lent(bench) == 0
        assert ingester(bench)._lending._memory is None


def test_who_cannot_read_the_memory_is_sent_the_frames_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    feed = Feed()
    with bench_with(feed) as bench:

        def elsewhere(name: str, received: Received) -> bool:
            message = received.message
            if name == "worker-1" and isinstance(message, Offer):
                message.memory = f"{2**22 + 1}.3.{'0' * 32}"
            if name == "camera-ingester" and isinstance(message, Borrows) and message.problem:
                message.memory = ingester(bench)._lending._memory.name  # type: ignore[union-attr]
            return True

        bench.tap = elsewhere
        play(bench, feed, images())
        play(bench, feed, images())
        assert results(bench) == EXPECTED
        assert 0 < lent(bench) < FRAMES
    said = [record.getMessage() for record in caplog.records if "travel to" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("large frames travel to worker-1 with their messages")
    assert "runs on another host or in another container" in said[0]


def test_a_worker_that_dies_leaves_no_place_taken() -> None:
    feed = Feed()
    with bench_with(feed) as bench:
        play(bench, feed, images())
        active = bench.arm(uniform(["camera"], FRAMES))
        bench.still |= {"worker-1", "worker-2"}
        feed.send(images())
        bench.steps(20)
        assert ingester(bench).figures()["shared_bytes"] >= FRAMES * SHARED_BYTES
        bench.kill("worker-1")
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)
        assert active.run.redelivered > 0
        assert results(bench) == EXPECTED
        bench.steps(2)
        assert ingester(bench)._lending.memory is not None
        play(bench, feed, images())
        assert ingester(bench).figures()["shared_bytes"] <= 2 * SHARED_BYTES


def test_a_frame_that_is_kept_is_what_it_was() -> None:
    feed = Feed()
    with bench_with(feed, Keeping) as bench:
        play(bench, feed, images())
        play(bench, feed, images())
        assert results(bench) == EXPECTED


def test_a_worker_that_was_given_up_does_not_take_one_frame_for_the_other() -> None:
    """It has the places of frames that others have worked through by now."""
    feed = Feed()
    with bench_with(feed) as bench:
        play(bench, feed, images())
        active = bench.arm(uniform(["camera"], FRAMES))
        bench.still = bench.unheard = {"worker-1"}
        feed.send(images())
        bench.steps(20)
        told = [one.message for one in bench.channels["worker-1"]._box if isinstance(one.message, Packets)]
        places = [place for message in told for place in message.places]
        assert places
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)
        assert results(bench) == EXPECTED
        bench.still, bench.unheard = set(), set()
        bench.until(bench.everyone_known)
        play(bench, feed, images())
        assert results(bench) == EXPECTED
        borrowing = Borrowing()
        for place in places:
            frames = borrowing.join(told[-1].memory, [place], [SHARED_BYTES], [])
            with pytest.raises(StaleFrame):
                borrowing.check([Packet("test", frames)])


def test_more_than_there_is_room_for_travels_with_its_message() -> None:
    feed = Feed()
    bench = Bench({}, Reading)
    bench.add_ingester("camera", feed, lends=3 * SHARED_BYTES)
    bench.until(bench.everyone_known)
    with bench:
        play(bench, feed, images())
        active = bench.arm(uniform(["camera"], FRAMES))
        feed.send(images())
        bench.until(lambda: active.finished)
        assert results(bench) == EXPECTED
        assert 0 < lent(bench) < FRAMES


def test_what_is_recorded_and_written_ahead_is_the_same(tmp_path: Path) -> None:
    feed = Feed()
    settings: dict[str, Any] = {
        "write_ahead": True,
        "state_dir": str(tmp_path / "state"),
        "record_prefix": f"{tmp_path}/",
    }
    with bench_with(feed, **settings) as bench:
        play(bench, feed, images())
        active = bench.arm(uniform(["camera"], FRAMES))
        bench.still |= {"worker-1", "worker-2"}
        feed.send(images())
        bench.steps(20)
        [spool] = (one for one in ingester(bench)._spooling._spools.values())
        spooled = {event: packet.frames for event, packet, _ in spool.packets() if len(packet.frames) > 1}
        assert spooled == {number: image(number).frames for number in EXPECTED}
        bench.kill("worker-1")
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert results(bench) == EXPECTED
        assert lent(bench) > 0
    recordings = sorted(tmp_path.glob("*.cbors"))
    assert len(recordings) == 2
    for path in recordings:
        found = {one.event_number: one.streams["camera"].frames for one in RecordingReader(path)}
        assert {event: frames for event, frames in found.items() if len(frames) > 1} == spooled


def test_a_debug_worker_keeps_what_it_was_shown() -> None:
    kept, feed = LastEvents(30), Feed()
    cells = [[{"constraint": number}, {"tags": ["debug"]}] for number in range(FRAMES)]
    with bench_with(feed) as bench:
        bench.add_worker("debug", tags=("debug",), load=lambda: kept, role="debugworker")
        bench.until(bench.everyone_known)
        for _ in range(2):
            active = bench.arm(TriggerMap.from_mapping({"camera": cells}))
            for packet in images():
                feed.send([packet])
                bench.step()
            bench.until(lambda: active.finished)  # noqa: B023
            assert results(bench) == EXPECTED
            for event in kept.last(29)[:-1]:
                frames = [bytes(frame) for frame in event.streams["camera"].frames]
                assert frames == image(event.event_number).frames


class Failing(Reading):
    """Fails at every seventh image."""

    def process_event(self, event: Event) -> dict[str, Any] | None:
        result = super().process_event(event)
        if result is not None and result["number"] % 7 == 0:
            raise ValueError(f"no light in {event.streams['camera'].frames[1]!r:.20}")
        return result


def test_user_code_that_fails_leaves_no_place_taken() -> None:
    feed = Feed()
    with bench_with(feed, Failing) as bench:
        for _ in range(3):
            active = bench.arm(uniform(["camera"], FRAMES))
            for packet in images():
                feed.send([packet])
                bench.step()
            bench.until(lambda: active.finished)  # noqa: B023
            assert counts(active) == (EVENTS - FRAMES // 7, FRAMES // 7, 0)
        assert ingester(bench).figures()["shared_bytes"] <= 2 * SHARED_BYTES
        for name in ("worker-1", "worker-2"):
            worker = bench.services[name]
            assert isinstance(worker, WorkerService)
            assert worker._borrowing.kept == 0


READS_SHARED = """
import os
import numpy as np
from beamloom.services.shell.guarding import resident
from beamloom.transport.shared_memory import Borrowing, FrameMemory

memory, borrowing, size = FrameMemory(64 << 20), Borrowing(), 48 << 20
before = resident(os.getpid())
frame = memory.put(bytes(size))
(lent,) = borrowing.join(memory.name, [memory.place(frame)], [size], [])
assert not np.frombuffer(lent, np.uint8).any()
assert resident(os.getpid()) - before < size // 2
memory.close()
"""


def test_shared_frames_do_not_count_as_memory_of_the_worker() -> None:
    """In a process of its own: whatever other tests have begun in this one may take memory meanwhile."""
    subprocess.run([sys.executable, "-c", READS_SHARED], check=True, timeout=60)


def test_a_generator_writes_where_workers_read() -> None:
    settings = GeneratorSettings(items=FRAMES, shape=(256, 256), distinct=3)
    source = GeneratorSource(settings)
    bench = Bench({}, Spots)
    bench.add_ingester("camera", source, lends=16 << 20)
    bench.until(bench.everyone_known)
    with bench:
        bench.play(uniform(["camera"], FRAMES))
        found = {event: one for event, one in bench.published["results"].items() if one}
        expected = {item + 1: int(truth(settings, item).array.sum()) for item in range(FRAMES)}
        assert {event: one["sum"] for event, one in found.items()} == expected
        assert sum(one["lent"] for one in found.values()) > 0
        memory = ingester(bench)._lending.memory
        assert memory is not None
        assert memory.refused == 0


def test_what_can_be_had_at_any_time_is_not_read_far_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_run, "AHEAD_BYTES", 1 << 20)
    items, size = 300, 1 << 17
    source = GeneratorSource(GeneratorSettings(items=items, shape=(256, 256), distinct=1))
    bench = Bench({}, Spots)
    bench.add_ingester("camera", source, lends=64 << 20)
    bench.until(bench.everyone_known)
    with bench:
        active = bench.arm(uniform(["camera"], items))
        bench.still |= {"worker-1", "worker-2"}
        bench.steps(300)
        router = ingester(bench)._streams["camera"].router
        ahead = router.seen_until - router.leased_until
        assert 1 << 20 < ahead * size < (1 << 20) + stream_run.READ_BYTES
        assert router.seen_until < items
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert counts(active) == (items + 2, 0, 0)


class Spots:
    """Sums the image of a generator."""

    def process_event(self, event: Event) -> dict[str, Any] | None:
        packet = event.streams["camera"]
        if len(packet.frames) < 2:
            return None
        frame = packet.frames[1]
        lent = type(frame) is memoryview and _is_lent(frame)
        return {"sum": int(packet.parse().array.sum()), "lent": lent}
