"""The controller dies after any message, and another one goes on from the store: same result, nothing lost, nothing twice."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from beamloom.devices.device import Sharing
from beamloom.parameters import encode_value
from beamloom.services.controller.restoring import restore
from beamloom.services.controller.service import ControllerService
from beamloom.services.controller.statekeeping import Logged, StateKeeper
from beamloom.settings import ControllerSettings
from beamloom.store import FolderLock, Scribe, SqliteStore
from beamloom.transport.channel import Received
from beamloom.transport.messages import CONTROLLER, Finish
from beamloom.triggermap import TriggerMap, open_ended, uniform
from services.bench import Bench, Feed, counts, inject, series
from services.ingester.test_shared_streams import dealt, of_each
from services.moments import Moments, at_moments
from support.patience import PATIENCE


class Restarting:
    """A bench whose controller keeps its state in a folder."""

    def __init__(self, folder: Path, streams: dict[str, Feed], **more: object) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.bench = Bench(streams, keeper=self._keeper(), **more)  # type: ignore[arg-type]

    def _keeper(self) -> StateKeeper:
        self.store = SqliteStore(self.folder, "never")
        self.keeper = StateKeeper(Scribe(self.store))
        return self.keeper

    def kill(self) -> None:
        """The controller is gone, with what is under way to it and from it, and another one is started at its address."""
        bench = self.bench
        bench.services.pop("controller")
        bench.channels.pop("controller").close()
        # What was handed over is written, as the process may be killed at any moment but between the two.
        self.keeper.scribe.close()
        keeper = self._keeper()
        restored = restore(self.store.load())
        channel = bench.exchange.channel(CONTROLLER)
        bench.controller = ControllerService(ControllerSettings(), channel, keeper=keeper)
        services, channels = dict(bench.services), dict(bench.channels)
        bench.services.clear()
        bench.channels.clear()
        bench.services["controller"], bench.channels["controller"] = bench.controller, channel
        bench.services.update(services)
        bench.channels.update(channels)
        bench.controller.resume(restored, bench.now)

    def close(self) -> None:
        self.bench.close()


FRAMES = 30


def constrained(streams: list[str]) -> TriggerMap:
    """Events for one worker, for two, for all, and constraints that come back."""
    cells: list[list[dict[str, object]]] = [[{"constraint": event % 5}] for event in range(FRAMES)]
    cells[7] = [{"constraint": 1}, {"constraint": 2}]
    cells[11] = [{"tags": ["generic"]}]
    other = [[{"constraint": (event + event // 9) % 5}] for event in range(FRAMES)]
    parts = {"main": {streams[0]: cells, streams[1]: other}}
    return TriggerMap.from_json({"parts": parts, "sequence": ["main"]})


MAPS: dict[str, Callable[[], TriggerMap]] = {
    "uniform": lambda: uniform(["a", "b"], FRAMES),
    "constrained": lambda: constrained(["a", "b"]),
    "open-ended": lambda: open_ended(["a", "b"]),
}


def oracle(trigger_map: TriggerMap) -> tuple[dict[int, object], tuple[int, int, int]]:
    with Bench({"a": Feed(series(FRAMES)), "b": Feed(series(FRAMES))}) as bench:
        active = bench.play(trigger_map)
        return dict(bench.published["results"]), counts(active)


def messages_of(folder: Path, trigger_map: TriggerMap, kill_after: int | None) -> tuple[int, Restarting]:
    """Play a run; the controller is killed after so many messages have come to it, or have come from it."""
    pipeline = Restarting(folder, {"a": Feed(series(FRAMES)), "b": Feed(series(FRAMES))})
    bench = pipeline.bench
    seen = 0

    def tap(name: str, received: Received) -> bool:
        nonlocal seen
        if name == "controller" or received.sender.startswith(CONTROLLER):
            seen += 1
        return True

    bench.arm(trigger_map)
    bench.tap = tap
    killed = kill_after is None
    for _ in range(20_000):
        if not killed and kill_after is not None and seen >= kill_after:
            killed = True
            pipeline.kill()
        if bench.active.finished:
            return seen, pipeline
        bench.step()
    raise AssertionError("the run does not end")


@at_moments
@pytest.mark.parametrize("name", sorted(MAPS))
def test_a_run_survives_the_death_of_the_controller_at_any_moment(
    name: str, moments: Moments, tmp_path: Path
) -> None:
    expected, account = oracle(MAPS[name]())
    (tmp_path / "whole").mkdir()
    total, whole = messages_of(tmp_path / "whole", MAPS[name](), None)
    whole.close()
    assert total > 10
    for after in moments(1, total, max(1, total // 40)):
        folder = tmp_path / str(after)
        folder.mkdir()
        _, pipeline = messages_of(folder, MAPS[name](), after)
        bench = pipeline.bench
        assert dict(bench.published["results"]) == expected, after
        assert counts(bench.active) == account, after
        assert bench.published["finished"] == 1
        reducer = bench.services["reducer"]
        assert reducer.figures()["duplicates"] == 0  # type: ignore[attr-defined]
        pipeline.close()


def test_a_store_that_is_locked_stops_no_run_and_refuses_the_next_one(tmp_path: Path) -> None:
    pipeline = Restarting(tmp_path, {"a": (feed := Feed())})
    bench = pipeline.bench
    bench.arm(uniform(["a"], FRAMES))
    other = sqlite3.connect(tmp_path / "controller.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    feed.send(series(FRAMES))
    bench.until(lambda: bench.active.finished)
    assert counts(bench.active) == (FRAMES + 2, 0, 0)
    refusal = bench.try_to_arm(uniform(["a"], FRAMES))
    assert "as it would not survive this process: " in str(refusal)
    assert "locked" in str(bench.controller.store_problem)
    other.execute("ROLLBACK")
    other.close()
    bench.until(lambda: bench.controller.store_problem is None)
    # What was missed is made up for: the next controller knows the run that ended meanwhile.
    pipeline.kill()
    assert counts(bench.active) == (FRAMES + 2, 0, 0)
    feed.send(series(FRAMES))
    bench.until(bench.everyone_known)
    assert counts(bench.play(uniform(["a"], FRAMES))) == (FRAMES + 2, 0, 0)
    pipeline.close()


def test_a_controller_that_was_overtaken_is_not_heeded_and_ends_itself(tmp_path: Path) -> None:
    pipeline = Restarting(tmp_path, {"a": (feed := Feed())})
    bench = pipeline.bench
    run = bench.arm(uniform(["a"], FRAMES)).run.run_id
    first = bench.controller
    stuck = first.outliving.keeper
    assert stuck is not None
    number = stuck.scribe.generation
    pipeline.kill()
    bench.step()
    # The first one was only stopped; now it goes on.
    for name in ("worker-1", "a-ingester", "reducer"):
        inject(bench, name, f"{CONTROLLER}#{number}", Finish(run))
    feed.send(series(FRAMES))
    bench.until(lambda: bench.active.finished)
    assert counts(bench.active) == (FRAMES + 2, 0, 0)
    late = StateKeeper(Scribe(stuck.scribe._store))
    late.note(Logged([{"msg": "late"}]))
    late.flush()
    while not late.scribe.flush(5) or late.scribe.overtaken is None:
        # The database was locked by the other one just then; a checkpoint brings it up to date.
        assert late.scribe.problem is not None
        late.scribe.checkpoint(b"late")
    assert "another controller has taken over" in late.scribe.overtaken
    late.scribe.close()
    pipeline.close()


def test_parameters_and_their_epochs_go_on_where_they_were(tmp_path: Path) -> None:
    pipeline = Restarting(tmp_path, {"a": (feed := Feed())})
    bench = pipeline.bench
    bench.arm(uniform(["a"], FRAMES))
    bench.controller.set_parameters({"gain": encode_value("gain", 2)})
    pipeline.kill()
    bench.controller.set_parameters({"gain": encode_value("gain", 3)})
    pipeline.kill()
    assert int(bench.controller.parameters.current["gain"]) == 3
    feed.send(series(FRAMES))
    bench.until(lambda: bench.active.finished)
    records = bench.active.epochs
    assert [record.epoch for record in records] == sorted({record.epoch for record in records})
    gains = {event: result["gain"] for event, result in bench.published["results"].items()}
    for event, gain in gains.items():
        record = [one for one in records if one.first_event <= event][-1]
        assert gain == record.values["gain"]
    assert gains[FRAMES] == 3
    pipeline.close()


@pytest.mark.parametrize("moment", range(1, 20, 2))
def test_whatever_was_told_to_somebody_the_next_controller_knows_too(moment: int, tmp_path: Path) -> None:
    pipeline = Restarting(tmp_path, {"a": (feed := Feed())})
    bench = pipeline.bench
    bench.arm(uniform(["a"], FRAMES))
    for packet in series(FRAMES)[:moment]:
        feed.send([packet])
        bench.step()
    answer = bench.controller.ask(lambda: counts(bench.active))
    # It dies when it has answered: nothing is written any more.
    answer.add_done_callback(lambda _: pipeline.keeper.scribe.close())
    bench.step()
    pipeline.kill()
    assert counts(bench.active) == answer.result()
    pipeline.close()


def test_who_does_not_come_back_is_lost_in_the_usual_way(tmp_path: Path) -> None:
    pipeline = Restarting(tmp_path, {"a": (feed := Feed())})
    bench = pipeline.bench
    bench.arm(uniform(["a"], FRAMES))
    bench.kill("worker-1")
    pipeline.kill()
    feed.send(series(FRAMES))
    bench.until(lambda: bench.active.finished)
    assert counts(bench.active) == (FRAMES + 2, 0, 0)
    assert bench.active.run.redelivered > 0
    pipeline.close()


@at_moments
@pytest.mark.parametrize("how", [Sharing.DEALT, Sharing.ALL])
def test_a_stream_of_several_ingesters_survives_the_death_of_the_controller_at_any_moment(
    how: Sharing, moments: Moments, tmp_path: Path
) -> None:
    for after in moments(0, 60, 3):
        pipeline = Restarting(tmp_path / str(after), {})
        bench = pipeline.bench
        feeds = dealt(series(FRAMES), 2) if how is Sharing.DEALT else [Feed(series(FRAMES)) for _ in range(2)]
        for index, feed in enumerate(feeds):
            bench.add_ingester("eiger", feed, name=f"eiger-{index}", ingesters=2, sharing=how)
        bench.until(bench.everyone_known)
        bench.arm(uniform(["eiger"], FRAMES))
        left = after

        def tap(name: str, received: Received) -> bool:
            nonlocal left
            left -= name == "controller" or received.sender.startswith(CONTROLLER)
            return True

        bench.tap = tap
        for _ in range(1000):
            if left <= 0 or bench.active.finished:
                break
            bench.step()
        pipeline.kill()
        bench.until(lambda bench=bench: bench.active.finished)  # type: ignore[misc]
        assert counts(bench.active) == (FRAMES + 2, 0, 0), after
        assert bench.published["results"] == of_each(FRAMES), after
        pipeline.close()


def test_a_second_controller_in_the_same_folder_is_told_who_has_it(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path, "first")
    second = subprocess.run(
        [sys.executable, "-m", "beamloom", "controller", "--port", "0", "--mailbox-port", "0"],
        env={**os.environ, "BEAMLOOM_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    lock.release()
    assert second.returncode == 1
    assert f"is in use by the controller 'first', process {os.getpid()}" in second.stderr
    assert "end that one first" in second.stderr


def test_a_run_that_was_told_to_stop_stops_though_the_controller_dies_right_then(tmp_path: Path) -> None:
    pipeline = Restarting(tmp_path / "state", {"a": Feed(series(FRAMES)), "b": Feed(series(FRAMES))})
    bench = pipeline.bench
    bench.arm(uniform(["a", "b"], FRAMES))
    bench.controller.stop("the sample fell off")
    pipeline.kill()
    bench.until(lambda: bench.active.finished)
    assert bench.active.run.stop_cause == "the sample fell off"
    pipeline.close()


@pytest.mark.expects_errors
def test_a_run_that_cannot_be_replayed_whatever_that_raises_keeps_no_controller_from_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*about: object) -> None:
        raise TypeError("unsupported operand")

    pipeline = Restarting(tmp_path / "state", {"a": Feed(series(FRAMES)), "b": Feed()})
    try:
        pipeline.bench.arm(uniform(["a", "b"], FRAMES))
        pipeline.bench.steps(5)
        monkeypatch.setattr("beamloom.services.controller.restoring.replay", faulty)
        pipeline.kill()
        bench = pipeline.bench
        assert bench.controller.active is None
        # The former run's start is still in the device of the other stream.
        for feed in ("a", "b"):
            ingester = bench.services[f"{feed}-ingester"]
            ingester._open_source().arrivals.clear()  # type: ignore[attr-defined]
            ingester._open_source().send(series(FRAMES))  # type: ignore[attr-defined]
        assert counts(bench.play(uniform(["a", "b"], FRAMES))) == (FRAMES + 2, 0, 0)
    finally:
        pipeline.close()
