"""What processes say of what they wait for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beamloom.engine.streams.packet_rows import row_of
from beamloom.services.ingester.arrival_log import ROWS_KEPT, ArrivalLog
from beamloom.services.shell.disks import DiskWatch, folder_of
from beamloom.services.shell.waits import Waiting, Waits
from beamloom.settings import WorkerSettings
from beamloom.transport.free_space import free_bytes
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, frame, series, start


def test_the_same_wait_goes_on_and_another_one_begins_anew() -> None:
    waits = Waits()
    waits.told(10.0, [Waiting("packets", "7", "x")])
    (told,) = waits.told(12.5, [Waiting("packets", "7", "x")])
    assert told["seconds"] == 2.5
    (told,) = waits.told(13.0, [Waiting("packets", "8", "x")])
    assert told["seconds"] == 0.0
    waits.told(14.0, [])
    (told,) = waits.told(15.0, [Waiting("packets", "8", "x")])
    assert told["seconds"] == 0.0, "it was not waited for in between"


def test_a_wait_stalls_beyond_its_limit() -> None:
    waits = Waits()
    (told,) = waits.told(10.0, [Waiting("device", "eiger", "x", since=1.0, limit=10.0)])
    assert "stalled" not in told
    (told,) = waits.told(11.5, [Waiting("device", "eiger", "x", since=1.0, limit=10.0)])
    assert told["stalled"] is True


def notes(bench: Bench, name: str) -> list[dict[str, Any]]:
    service: Any = bench.services[name]
    found: list[dict[str, Any]] = service.notes(bench.now)["waits_for"]
    return found


def what(bench: Bench, name: str) -> list[tuple[str, str]]:
    return [(wait["what"], wait["about"]) for wait in notes(bench, name)]


def test_without_a_run_everybody_waits_for_one() -> None:
    with Bench({"eiger": Feed()}) as bench:
        for name in ("eiger-ingester", "worker-1", "reducer"):
            assert what(bench, name) == [("run", "")]


def test_an_ingester_waits_for_its_device_until_it_has_all_that_the_run_wants() -> None:
    feed = Feed()
    with Bench({"eiger": feed}, workers=("worker-1",)) as bench:
        active = bench.arm(uniform(["eiger"], 3))
        bench.steps(50)
        (wait,) = notes(bench, "eiger-ingester")
        assert (wait["what"], wait["about"]) == ("device", "eiger")
        assert 0.4 < wait["seconds"] < 0.6
        feed.send(series(3)[:-1])
        bench.until(lambda: bench.reduced() == 4)
        assert what(bench, "eiger-ingester") == [("device", "eiger")]
        assert notes(bench, "eiger-ingester")[0]["seconds"] < 0.2
        feed.send(series(3)[-1:])
        bench.until(lambda: active.finished)
        assert what(bench, "eiger-ingester") == [("run", "")]


def test_a_device_that_is_silent_for_longer_than_the_limit_stalls_and_says_why() -> None:
    feed = Feed()
    with Bench({}, workers=("worker-1",)) as bench:
        bench.add_ingester("eiger", feed, stall_limit=2.0)
        bench.until(bench.everyone_known)
        bench.arm(uniform(["eiger"], 3))
        feed.send([start()])
        bench.steps(100)
        assert "stalled" not in notes(bench, "eiger-ingester")[0]
        feed.problem = "nothing listens at tcp://eiger:9999"
        bench.steps(250)
        (wait,) = notes(bench, "eiger-ingester")
        assert (wait["stalled"], wait["why"]) == (True, feed.problem)


def test_an_ingester_that_is_full_waits_for_room_and_not_for_its_device() -> None:
    feed = Feed()
    with Bench({}, workers=("worker-1",)) as bench:
        bench.add_ingester("eiger", feed, retention_bytes=4)
        bench.until(bench.everyone_known)
        bench.still.add("worker-1")
        feed.send(series(30))
        outcome: list[Any] = []
        bench.still.clear()
        bench.controller.arm(uniform(["eiger"], 30), outcome.append, bench.now)
        bench.until(lambda: bool(outcome))
        bench.still.add("worker-1")
        bench.until(lambda: ("room", "eiger") in what(bench, "eiger-ingester"))
        assert ("device", "eiger") not in what(bench, "eiger-ingester")


def test_packets_that_nobody_takes_wait_for_a_lease() -> None:
    feed = Feed()
    with Bench({"eiger": feed}, workers=("worker-1",)) as bench:
        bench.arm(uniform(["eiger"], 2000))
        bench.still.add("worker-1")
        feed.send(series(2000)[:-1])
        bench.until(lambda: ("lease", "eiger") in what(bench, "eiger-ingester"))


def test_a_worker_says_of_which_event_it_waits_for_packets_and_which_are_here() -> None:
    eiger, orca = Feed(), Feed()
    with Bench({"eiger": eiger, "orca": orca}, workers=("worker-1",)) as bench:
        bench.arm(uniform(["eiger", "orca"], 3))
        eiger.send([start(), frame(1)])
        orca.send([start()])
        bench.until(lambda: what(bench, "worker-1") == [("packets", "1")])
        bench.until(lambda: "of eiger it is here" in notes(bench, "worker-1")[0]["why"])


def test_a_worker_whose_results_nobody_takes_waits_for_the_reducer() -> None:
    feed = Feed()
    with Bench({"eiger": feed}, workers=()) as bench:
        worker = bench.add_worker("worker-1")
        worker._settings = WorkerSettings(name="worker-1", outbox_bytes=1)
        bench.until(bench.everyone_known)
        bench.arm(uniform(["eiger"], 9))
        bench.still.add("reducer")
        feed.send(series(9)[:-1])
        bench.until(lambda: what(bench, "worker-1") == [("reducer", "")])
        bench.still.clear()
        bench.until(lambda: bench.reduced() == 10)


def test_the_arrival_log_knows_number_time_and_size_of_each_packet_for_a_while() -> None:
    now = [5.0]
    log = ArrivalLog(clock=lambda: now[0])
    log.note(1, row_of([frame(1), frame(2), frame(3)]))
    now[0] = 7.0
    assert log.of(3) == {"seconds_ago": 2.0, "together": 3, "number": 3, "bytes_about": 1}
    assert log.of(1) == {"seconds_ago": 2.0, "together": 3, "number": 1, "bytes": 1}
    assert log.of(4) is None
    for event in range(4, 4 + ROWS_KEPT):
        log.note(event, row_of([frame(event)]))
    assert log.of(3) is None
    assert log.begins_with == 4


def test_the_room_on_a_disk_is_told_also_of_a_folder_that_is_not_there_yet(tmp_path: Any) -> None:
    there, to_be = free_bytes(tmp_path), free_bytes(tmp_path / "runs" / "today")
    assert there is not None
    assert to_be is not None
    watch = DiskWatch({"recordings": tmp_path / "runs", "nothing": None})
    try:
        while not watch.told():
            pass
        (told,) = watch.told()
        assert (told["path"], told["purpose"]) == (str(tmp_path / "runs"), "recordings")
        assert told["free"] > 0
    finally:
        watch.close()


def test_the_room_on_a_disk_is_looked_at_also_by_a_process_whose_own_folder_is_gone(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert free_bytes(Path("runs")) is None
    watch = DiskWatch({"recordings": "runs", "state": tmp_path})
    try:
        while not watch.told():
            pass
        assert [one["purpose"] for one in watch.told()] == ["state"]
    finally:
        watch.close()


def test_the_folder_of_a_path_with_fields_is_what_stands_before_them() -> None:
    assert str(folder_of("results/{date}/{run}.h5")) == "results"
    assert str(folder_of("/data/map-{run}.h5")) == "/data"
    assert str(folder_of("/data/map.h5")) == "/data"
    assert folder_of("") is None
