"""An ingester dies whose stream cannot be taken up: what it had written ahead is in the result, and nothing that came later."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest

from beamloom.triggermap import TriggerMap, uniform
from services.bench import Bench, Feed, series
from services.ingester.test_ingester_deaths import FRAMES, MAPS, check, oracle
from services.ingester.test_ingester_spools import SETTINGS, Pipeline
from services.ingester.test_ingester_spools import play as play_all
from services.moments import Moments, at_moments

pytestmark = pytest.mark.usefixtures("frames_count_alone")


class Counted(Pipeline):
    """Of the streams, a has no numbers that would tell its place."""

    read: int | None = None
    """Packets of stream a that its ingester had read, and given their events, when it died first."""

    def kill(self, stream: str) -> None:
        before = self.unread
        super().kill(stream)
        if self.read is None:
            self.read = FRAMES + 2 - len(self.devices[stream].to_send) - (self.unread - before)


def play(folder: Path, settings: str, trigger_map: TriggerMap, kills: set[int]) -> tuple[int, Counted]:
    pipeline = Counted(folder, SETTINGS[settings])
    pipeline.devices["a"].numbers = False
    assert pipeline.devices["a"].source is None
    return play_all(pipeline, trigger_map, kills), pipeline


@at_moments
@pytest.mark.parametrize("settings", sorted(SETTINGS))
@pytest.mark.parametrize("name", sorted(MAPS))
def test_what_was_read_of_a_stream_that_cannot_be_taken_up_is_sent_from_disk(
    tmp_path: Path, name: str, settings: str, moments: Moments
) -> None:
    expected = oracle(MAPS[name]())
    total, whole = play(tmp_path / "whole", settings, MAPS[name](), set())
    assert check(whole.bench, expected) == 0
    whole.bench.close()
    some = False
    for after in moments(1, total, 5):
        _, pipeline = play(tmp_path / str(after), settings, MAPS[name](), {after, after + total // 3})
        check(pipeline.bench, expected)
        ledger = pipeline.bench.active.run.ledger
        assert pipeline.read is not None
        # The packet that closes an open-ended series has no event before all series are closed.
        read = pipeline.read - (name == "open-ended" and pipeline.read == FRAMES + 2)
        # With the start alone, nothing but the start is lost.
        lost = [first for first, _ in ledger.lost if first >= 1]
        assert not lost or lost[0] >= read, (f"killed after {after} messages", read, ledger.losses)
        some = some or bool(lost)
        assert all("is gone" in loss.cause for loss in ledger.losses), ledger.losses
        pipeline.bench.close()
    assert some, "nothing was ever lost: the stream was taken up"


def test_however_long_workers_take_what_is_on_disk_is_not_given_up(tmp_path: Path) -> None:
    frames, read = 400, 300
    trigger_map = uniform(["a", "b"], frames)
    with Bench({"a": Feed(series(frames)), "b": Feed(series(frames))}) as whole:
        whole.play(trigger_map)
        expected = dict(whole.published["results"])
    pipeline = Counted(tmp_path, SETTINGS["written ahead"])
    pipeline.devices["a"].numbers = False
    for device in pipeline.devices.values():
        device.to_send = deque(series(frames))
    bench = pipeline.bench
    active = bench.arm(trigger_map)
    bench.still.update(("worker-1", "worker-2"))
    pipeline.devices["a"].send(read)
    pipeline.devices["b"].send(frames + 2)
    bench.steps(20)
    pipeline.kill("a")
    pipeline.start("a")
    # For longer than another ingester is waited for, and than what was sent may be under way.
    bench.steps(300)
    assert active.run._scheduler.cursor < read, "all were leased before the ingester died"
    bench.still.clear()
    bench.until(lambda: active.finished)
    assert check(bench, expected, "no numbers of their own") == frames + 2 - read
    bench.close()
