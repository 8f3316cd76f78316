"""The figure that workers are scaled by: events whose packets are there and that nobody has settled; a number also without a run."""

from __future__ import annotations

from beamloom.control.views.figures import figures_of
from beamloom.settings import ControllerSettings
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, counts, frame, series, start

FRAMES = 12


def queue(bench: Bench) -> float:
    (found,) = (
        figure.value
        for figure in figures_of(bench.controller, bench.now)
        if figure.name == "beamloom_run_queue_events"
    )
    return found


def test_the_queue_is_what_all_streams_have_and_no_worker_has_done() -> None:
    patient = ControllerSettings(heartbeat_timeout=1e6, straggler_timeout=1e6)
    feeds = {"a": Feed(), "b": Feed()}
    with Bench(feeds, settings=patient) as bench:
        assert queue(bench) == 0
        active = bench.arm(uniform(["a", "b"], FRAMES))
        bench.still.update(["worker-1", "worker-2"])
        feeds["a"].send(series(FRAMES))
        feeds["b"].send([start(), frame(1), frame(2)])
        bench.until(lambda: queue(bench) == 3)
        bench.steps(50)
        assert queue(bench) == 3, "the start and two frames; of the others the second stream has nothing"
        feeds["b"].send(series(FRAMES)[3:])
        bench.until(lambda: queue(bench) == FRAMES + 2)
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert (counts(active), queue(bench)) == ((FRAMES + 2, 0, 0), 0)
