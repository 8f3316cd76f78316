"""The disk of a recording is full or slow: the run goes on, what is not recorded is counted, and what is in the file is whole."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from beamloom.control.views.ensemble import status
from beamloom.engine.streams.packet_rows import row_of
from beamloom.events import Packet
from beamloom.recordings import RecordingReader, RecordingWriter
from beamloom.recordings.format import Record
from beamloom.services.ingester import recording
from beamloom.services.ingester.recording import PacketRecorder
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, counts, series
from support.patience import PATIENCE
from support.small_disk import file_size_limit, fill, small_disk


def wait_until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


def packet(event: int, size: int = 1000) -> Packet:
    return Packet("test", [f"{event}:".encode(), bytes([event % 256]) * size])


def recorded(path: Path) -> list[int]:
    events = []
    for record in RecordingReader(path):
        assert record.streams["camera"].frames == packet(record.event_number).frames
        events.append(record.event_number)
    return events


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "RETRY_EVERY", 0.05)
    monkeypatch.setattr(recording, "FLUSH_EVERY", 0.05)


@pytest.mark.usefixtures("impatient")
def test_on_a_full_disk_packets_are_counted_and_recording_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 400) as disk:
        path = disk / "run.cbors"
        recorder = PacketRecorder(RecordingWriter(path))
        record = recorder.of("camera")
        record(0, row_of([packet(event) for event in range(20)]))
        wait_until(lambda: path.with_name("run.cbors.part").stat().st_size > 20_000, "the first records")
        ballast = fill(disk)
        record(20, row_of([packet(event) for event in range(20, 40)]))
        wait_until(lambda: recorder.failing, "the disk to fail")
        assert "No space left on device" in str(recorder.alarm)
        assert "make room there" in str(recorder.alarm)
        ballast.unlink()
        front = 40

        def goes_on() -> bool:
            nonlocal front
            record(front, row_of([packet(front)]))
            front += 1
            time.sleep(0.01)
            return not recorder.failing

        wait_until(goes_on, "the disk to be used again")
        record(1000, row_of([packet(event) for event in range(1000, 1020)]))
        recorder.close()
        events = recorded(disk / "run.cbors.part")
        assert events[:20] == list(range(20))
        assert events[-20:] == list(range(1000, 1020))
        assert recorder.missing == front + 20 - len(events)
        assert "recording goes on" in str(recorder.alarm)
        assert not path.exists(), "it lacks packets"


@pytest.mark.usefixtures("impatient")
def test_a_file_that_may_not_grow_is_whole_as_far_as_it_goes(tmp_path: Path) -> None:
    recorder = PacketRecorder(RecordingWriter(tmp_path / "run.cbors"))
    record = recorder.of("camera")
    with file_size_limit(50_000):
        for first in range(0, 200, 10):
            record(first, row_of([packet(event) for event in range(first, first + 10)]))
        wait_until(lambda: recorder.failing, "the limit")
        recorder.close()
    events = recorded(tmp_path / "run.cbors.part")
    assert events == list(range(len(events)))
    assert len(events) + recorder.missing == 200
    assert len(events) > 30


@pytest.mark.usefixtures("impatient")
def test_of_a_compressed_recording_on_a_full_disk_both_reasons_are_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 400) as disk:
        recorder = PacketRecorder(RecordingWriter(disk / "run.cbors.gz"))
        record = recorder.of("camera")
        record(0, row_of([packet(0)]))
        fill(disk)
        noise = random.Random(1).randbytes(1 << 20)
        record(1, row_of([Packet("test", [noise]), Packet("test", [noise])]))
        wait_until(lambda: recorder.failing, "the disk to fail")
        for event in range(3, 6):
            time.sleep(0.06)
            record(event, row_of([packet(event)]))
        recorder.close()
        alarm = str(recorder.alarm)
        assert alarm.count("No space left on device") == 1
        assert alarm.count("is compressed and cannot be continued; nothing is recorded at present") == 1


@pytest.mark.expects_errors
@pytest.mark.usefixtures("impatient")
def test_what_cannot_be_recorded_at_all_costs_its_packet_and_recording_goes_on(tmp_path: Path) -> None:
    class Faulty(RecordingWriter):
        def write(self, record: Record) -> None:
            if record.event_number == 3:
                raise ValueError("no such thing can be written")
            super().write(record)

    recorder = PacketRecorder(Faulty(tmp_path / "run.cbors"))
    record = recorder.of("camera")
    for event in range(4):
        record(event, row_of([packet(event)]))
    wait_until(lambda: recorder.failing, "the fault")
    assert "no such thing can be written" in str(recorder.alarm)
    front = 4
    while recorder.failing:
        record(front, row_of([packet(front)]))
        front += 1
    recorder.close()
    events = recorded(tmp_path / "run.cbors.part")
    assert events[:3] == [0, 1, 2]
    assert recorder.missing == front - len(events)


def test_a_disk_that_hangs_costs_packets_and_holds_nobody_up(tmp_path: Path) -> None:
    free = threading.Event()

    class Hanging(RecordingWriter):
        def write(self, record: Record) -> None:
            free.wait(PATIENCE)
            super().write(record)

    recorder = PacketRecorder(Hanging(tmp_path / "run.cbors"), backlog=10_000)
    record = recorder.of("camera")
    for event in range(50):
        record(event, row_of([packet(event)]))
    assert recorder.missing >= 38
    assert "the disk is too slow" in str(recorder.alarm)
    free.set()
    recorder.close()
    events = recorded(tmp_path / "run.cbors.part")
    assert events == list(range(50 - recorder.missing))


@pytest.mark.parametrize("ending", [".cbors", ".cbors.gz"])
def test_of_a_run_that_never_began_nothing_is_left_but_what_was_there_before(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"run{ending}"
    recorder = PacketRecorder(RecordingWriter(path, resume=True))
    recorder.close(began=False)
    assert list(tmp_path.iterdir()) == []
    recorder = PacketRecorder(RecordingWriter(path, resume=True))
    recorder.of("camera")(0, row_of([packet(event) for event in range(10)]))
    recorder.close()
    recorder.close(began=False)
    again = PacketRecorder(RecordingWriter(path, resume=True))
    again.close(began=False)
    assert recorded(path) == list(range(10))


def test_armings_that_are_refused_again_and_again_leave_no_recordings(tmp_path: Path) -> None:
    camera, motor = Feed(), Feed()
    with Bench({"motor": motor}) as bench:
        bench.add_ingester("camera", camera, record_prefix=f"{tmp_path}/scan")
        bench.until(bench.everyone_known)
        for problem_of in (camera, motor):
            problem_of.problem = "it is switched off"
            assert "switched off" in str(bench.try_to_arm(uniform(["camera", "motor"], 4)))
            bench.steps(3)
            problem_of.problem = None
        assert list(tmp_path.iterdir()) == []
        camera.send(series(4))
        motor.send(series(4))
        assert counts(bench.play(uniform(["camera", "motor"], 4))) == (6, 0, 0)
        assert len(list(tmp_path.iterdir())) == 1


def test_a_recording_that_lacks_nothing_has_its_name_in_the_end(tmp_path: Path) -> None:
    recorder = PacketRecorder(RecordingWriter(tmp_path / "run.cbors"))
    recorder.of("camera")(0, row_of([packet(event) for event in range(100)]))
    recorder.close()
    recorder.close()
    assert (recorder.alarm, recorder.missing) == (None, 0)
    assert recorded(tmp_path / "run.cbors") == list(range(100))


def test_a_run_whose_disk_is_full_is_reduced_and_the_alarm_says_what_is_not_recorded(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 100) as disk, Bench({}) as bench:
        feed = Feed(series(20)[:10])
        bench.add_ingester("camera", feed, record_prefix=str(disk / "scan"))
        bench.until(bench.everyone_known)
        active = bench.arm(uniform(["camera"], 20))
        fill(disk)
        feed.send(series(20)[10:])
        bench.until(lambda: active.finished)
        assert counts(active) == (22, 0, 0)
        bench.step()
        alarm = status(bench.controller)["alarms"]["camera-ingester"]
        assert "packets are not in the recording" in alarm
        assert "No space left" in alarm
