"""An ingester dies while the experiment pauses: the next one has nothing to show, and the run waits on as it would have without the death.

The stream is given up when another one has come further, which tells that its packets died with the ingester; alone, by its usual pauses.
"""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.settings import ControllerSettings
from beamloom.triggermap import uniform
from services.bench import STEP_SECONDS, counts, series
from services.ingester.test_ingester_deaths import FRAMES, MAPS, Device, Scene, check, oracle, scene

pytestmark = pytest.mark.usefixtures("frames_count_alone")

PATIENCE = 0.4
SOON = ControllerSettings(ingester_timeout=PATIENCE)
LONG_PAUSE = int(5 * PATIENCE / STEP_SECONDS)

WHERE: dict[str, int] = {
    "before the scan": 0,
    "behind the start": 1,
    "in the middle": FRAMES // 2,
    "before the last frame": FRAMES,
    "before the end": FRAMES + 1,
}
"""How many packets each device has sent when all of them pause."""


def pause_at(made: Scene, sent: int) -> None:
    """Have each device send so many packets in all, and all of them be worked off."""
    for device in made.devices.values():
        count = sent - (FRAMES + 2 - len(device.to_send))
        assert device.source is not None or not count
        device.send(count)
    made.bench.until(
        lambda: all(made.bench.active.run.standing[one].complete_until == sent for one in made.devices)
    )
    made.bench.until(lambda: made.bench.reduced() >= min(sent, FRAMES + 1))


def replace(made: Scene, stream: str) -> None:
    made.kill(stream)
    made.bench.until(lambda: bool(made.bench.active.run.succession.vacant))
    made.start(stream)
    made.bench.until(lambda: made.devices[stream].source is not None)


@pytest.mark.parametrize(
    ("name", "where"),
    [("uniform", where) for where in WHERE]
    + [(name, "in the middle") for name in sorted(MAPS) if name != "uniform"],
)
def test_a_run_whose_streams_all_pause_waits_for_them_whoever_died_meanwhile(name: str, where: str) -> None:
    expected = oracle(MAPS[name]())
    with scene({"a": Device(series(FRAMES)), "b": Device(series(FRAMES))}, settings=SOON) as made:
        made.bench.arm(MAPS[name]())
        pause_at(made, WHERE[where])
        replace(made, "a")
        made.bench.steps(LONG_PAUSE)
        assert not made.bench.active.finished
        assert made.bench.active.reports.by_stream["a"].complete_until == WHERE[where]
        made.finish()
        assert check(made.bench, expected) == 0


LOST = "nothing has come since another one took its place"


@pytest.mark.parametrize("pauses_at", [1, FRAMES // 2, FRAMES + 1])
@pytest.mark.parametrize("retention", [{}, {"retention_bytes": 2}])
def test_a_stream_is_given_up_when_another_one_has_gone_on_without_it(
    pauses_at: int, retention: dict[str, Any]
) -> None:
    expected = oracle(MAPS["uniform"]())
    with scene({"a": Device(series(FRAMES))}, settings=SOON) as made:
        made.devices["b"] = Device(series(FRAMES))
        made.bench.add_ingester("b", made.devices["b"].source_for_run(), **retention)
        made.bench.until(made.bench.everyone_known)
        made.bench.arm(MAPS["uniform"]())
        pause_at(made, pauses_at)
        replace(made, "a")
        made.devices["a"].to_send.clear()
        made.finish()
        assert check(made.bench, expected) == FRAMES + 2 - pauses_at
        assert {loss.cause.rpartition("; ")[2] for loss in made.bench.active.run.ledger.losses} == {LOST}


def test_it_has_its_patience_from_the_moment_when_the_other_one_went_on() -> None:
    expected = oracle(MAPS["uniform"]())
    with scene({"a": Device(series(FRAMES)), "b": Device(series(FRAMES))}, settings=SOON) as made:
        made.bench.arm(MAPS["uniform"]())
        pause_at(made, FRAMES // 2)
        replace(made, "a")
        made.bench.steps(LONG_PAUSE)
        # The device of the stream that was taken up is the slower one.
        made.devices["b"].send(FRAMES)
        made.bench.steps(int(PATIENCE / STEP_SECONDS / 2))
        made.finish()
        assert check(made.bench, expected) == 0


@pytest.mark.parametrize("sent", [0, FRAMES // 2])
def test_a_stream_alone_is_waited_for_before_its_series_and_by_its_pauses_within_it(sent: int) -> None:
    with scene({"a": Device(series(FRAMES))}, settings=SOON) as made:
        active = made.bench.arm(uniform(["a"], FRAMES))
        pause_at(made, sent)
        replace(made, "a")
        made.bench.steps(LONG_PAUSE)
        assert active.finished == (sent > 0)
        made.finish()
        reduced, failed, lost = counts(active)
        assert (reduced, failed, lost) == ((sent, 0, FRAMES + 2 - sent) if sent else (FRAMES + 2, 0, 0))
