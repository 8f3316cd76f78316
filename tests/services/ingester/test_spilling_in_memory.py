"""An ingester whose memory is full keeps packets on disk: the run is the same, and what stands there outlives the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beamloom.control.views.ensemble import status
from beamloom.engine.streams.packet_rows import row_of
from beamloom.events import Packet
from beamloom.services.ingester.service import IngesterService
from beamloom.services.ingester.spooling import Spooling
from beamloom.services.shell.state_folders import ABANDONED_SECONDS
from beamloom.settings import IngesterSettings, StreamSettings
from beamloom.spool import DiskSpool
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, counts, series
from services.ingester.test_ingester_deaths import Device
from support.small_disk import fill, small_disk

pytestmark = pytest.mark.usefixtures("frames_count_alone")

FRAMES = 60
EVENTS = FRAMES + 2
RESULTS = {event: {"double": 2 * event, "gain": 1} for event in range(1, FRAMES + 1)}


def bench_with(folder: Path, feed: Feed, **settings: Any) -> Bench:
    """A bench with one camera, whose ingester keeps its state in ``folder``."""
    bench = Bench({})
    bench.add_ingester("camera", feed, state_dir=str(folder), **settings)
    bench.until(bench.everyone_known)
    return bench


def ingester(bench: Bench) -> IngesterService:
    service = bench.services["camera-ingester"]
    assert isinstance(service, IngesterService)
    return service


def on_disk(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.packets"))


def bury(bench: Bench) -> Spooling:
    """What the system does with the files of an ingester that is killed: its locks are free."""
    spooling = ingester(bench)._spooling
    bench.kill("camera-ingester")
    assert spooling._lock is not None
    spooling._lock.release()
    spooling._lock = None
    return spooling


def test_a_device_is_read_on_while_nobody_works_and_the_run_is_the_same(tmp_path: Path) -> None:
    feed = Feed(series(FRAMES))
    with bench_with(tmp_path, feed, retention_bytes=20, on_full="spill") as bench:
        active = bench.arm(uniform(["camera"], FRAMES))
        bench.still |= {"worker-1", "worker-2"}
        bench.until(lambda: not feed.arrivals)
        figures = ingester(bench).figures()
        assert figures["retained_bytes"] < 40
        assert figures["spooled_packets"] > EVENTS - 30
        assert on_disk(tmp_path)
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)
        assert {event: bench.published["results"][event] for event in RESULTS} == RESULTS
        assert ingester(bench).figures()["spooled_bytes"] == 0
    assert on_disk(tmp_path) == []


def test_without_spilling_the_device_waits(tmp_path: Path) -> None:
    feed = Feed(series(FRAMES))
    with bench_with(tmp_path, feed, retention_bytes=20) as bench:
        bench.arm(uniform(["camera"], FRAMES))
        bench.still |= {"worker-1", "worker-2"}
        bench.steps(50)
        assert len(feed.arrivals) > FRAMES // 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [{"on_full": "spill"}, {"on_full": "spill", "write_ahead": True}])
def test_what_a_dead_worker_had_is_sent_again_from_the_disk(tmp_path: Path, settings: dict[str, Any]) -> None:
    with bench_with(tmp_path, Feed(series(FRAMES)), retention_bytes=20, **settings) as bench:
        active = bench.arm(uniform(["camera"], FRAMES))
        bench.still |= {"worker-1", "worker-2"}
        bench.steps(50)
        bench.kill("worker-1")
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)
        assert active.run.redelivered > 0
        assert {event: bench.published["results"][event] for event in RESULTS} == RESULTS


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 20])
def test_what_was_delivered_stands_on_disk_when_the_ingester_is_killed(tmp_path: Path, turns: int) -> None:
    feed = Feed(series(FRAMES))
    bench = bench_with(tmp_path, feed, write_ahead=True)
    with bench:
        active = bench.arm(uniform(["camera"], FRAMES))
        bench.still |= {"worker-1", "worker-2"}
        bench.steps(turns)
        router = ingester(bench)._streams["camera"].router
        had = {
            event: packet
            for one in router.retention.within(0, EVENTS)
            for event, packet in enumerate(one.row, one.first)
        }
        run = active.run.run_id
        spooling = bury(bench)
        spool = DiskSpool(spooling.folder / run / "camera.stream", 1 << 30)
        found = {event: packet for event, packet, _ in spool.packets()}
        assert found == had
        assert len(found) == EVENTS - len(feed.arrivals)
        spool.close()


def killed_behind_a_gap(folder: Path, turns: int) -> int:
    """Kill the ingester of a camera that has left out one frame after so many turns; how many packets waited for that frame then."""
    packets = series(FRAMES)
    del packets[7]
    device = Device(packets)
    bench = Bench({})
    bench.add_ingester("camera", device.source_for_run(), state_dir=str(folder), write_ahead=True)
    bench.until(bench.everyone_known)
    with bench:
        active = bench.arm(uniform(["camera"], FRAMES))
        for _ in range(turns):
            device.send(3)
            bench.step()
        waited = len(ingester(bench)._streams["camera"].reorder)
        device.source = None
        bury(bench)
        bench.add_ingester("camera", device.source_for_run(), state_dir=str(folder), write_ahead=True)
        for _ in range(20_000):
            if active.finished:
                break
            device.send(3)
            bench.step()
        assert [(loss.first, loss.stop) for loss in active.run.ledger.losses] == [(7, 8)], turns
        assert set(bench.published["results"]) == {0, *RESULTS, FRAMES + 1} - {7}
        assert all(bench.published["results"][event] == RESULTS[event] for event in RESULTS if event != 7)
        assert on_disk(folder) == []
    return waited


def test_what_waits_for_a_packet_before_it_outlives_its_ingester(tmp_path: Path) -> None:
    assert max(killed_behind_a_gap(tmp_path / str(turns), turns) for turns in range(2, 14)) > 1


def test_what_a_killed_ingester_left_is_taken_up_with_its_run_and_removed_with_another(
    tmp_path: Path,
) -> None:
    settings = IngesterSettings(
        streams={"a/b": StreamSettings(device="x")}, state_dir=str(tmp_path), write_ahead=True
    )
    first = Spooling(settings)
    first.begin("run-1", resume=False)
    first.retention("run-1", "a/b").keep(0, row_of([Packet("test", [b"x"])]), 1)
    bury_spooling(first)

    second = Spooling(settings)
    second.begin("run-1", resume=True)
    kept = second.retention("run-1", "a/b")
    assert [(one.first, list(one.row)) for one in kept.within(0, 10)] == [(0, [Packet("test", [b"x"])])]
    bury_spooling(second)

    third = Spooling(settings)
    third.begin("run-2", resume=False)
    assert list(third.retention("run-2", "a/b").within(0, 10)) == []
    assert on_disk(tmp_path) == []
    third.end()
    third.close()
    assert not third.folder.exists()


def test_what_others_left_for_good_is_removed_and_what_lives_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left_by(name: str) -> Spooling:
        streams = {"a": StreamSettings(device="x")}
        one = Spooling(
            IngesterSettings(name=name, streams=streams, state_dir=str(tmp_path), write_ahead=True)
        )
        one.begin("run-1", resume=False)
        one.retention("run-1", "a").keep(0, row_of([Packet("test", [b"x"])]), 1)
        return one

    dead, living, recent = left_by("dead"), left_by("living"), left_by("recent")
    bury_spooling(dead)
    bury_spooling(recent)
    real = Path.stat

    def aged(path: Path, **more: Any) -> Any:
        found = real(path, **more)
        if path.suffix == ".packets" and "recent" not in str(path):
            fields = list(found)
            fields[8] -= 2 * ABANDONED_SECONDS
            return type(found)(fields)
        return found

    monkeypatch.setattr(Path, "stat", aged)
    new = left_by("new")
    monkeypatch.undo()
    assert {path.split("/")[1].split("-")[0] for path in on_disk(tmp_path)} == {"living", "recent", "new"}
    for one in (living, new):
        one.end()
        one.close()


def bury_spooling(spooling: Spooling) -> None:
    assert spooling._lock is not None
    spooling._lock.release()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"on_full": "spill", "retention_bytes": 20}, "its device is not read on before memory is free"),
        ({"write_ahead": True}, "would be lost with this process"),
    ],
)
def test_on_a_full_disk_the_run_goes_on_and_the_alarm_says_what_is_not_kept(
    tmp_path: Path, settings: dict[str, Any], says: str
) -> None:
    with small_disk(tmp_path / "disk", 200) as disk:
        feed = Feed(series(FRAMES))
        with bench_with(disk, feed, **settings) as bench:
            ballast = fill(disk)
            active = bench.arm(uniform(["camera"], FRAMES))
            bench.still |= {"worker-1", "worker-2"}
            bench.until(lambda: bool(status(bench.controller)["alarms"]))
            alarm = status(bench.controller)["alarms"]["camera-ingester"]
            assert says in alarm or "packets are not kept on disk" in alarm
            assert "No space left" in alarm
            bench.still.clear()
            bench.until(lambda: active.finished)
            assert counts(active) == (EVENTS, 0, 0)
            ballast.unlink()
            feed.send(series(FRAMES))
            assert counts(bench.play(uniform(["camera"], FRAMES))) == (EVENTS, 0, 0)
            bench.step()
            assert status(bench.controller)["alarms"] == {}


def test_a_folder_that_cannot_be_used_costs_the_spool_and_not_the_run(tmp_path: Path) -> None:
    (tmp_path / "spools").write_text("in the way")
    with bench_with(tmp_path, Feed(series(FRAMES)), on_full="spill", retention_bytes=20) as bench:
        active = bench.play(uniform(["camera"], FRAMES))
        assert counts(active) == (EVENTS, 0, 0)
        assert "packets are not kept on disk" in status(bench.controller)["alarms"]["camera-ingester"]
