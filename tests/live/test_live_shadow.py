"""Another analysis looks on at a pipeline of real processes, dies and comes back, and takes over in the middle of a run."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from beamloom.cli import shadow
from beamloom.client import connect
from beamloom.client._shadow import ShadowTold
from beamloom.engine.sampling import Sample
from beamloom.errors import RequestRefused
from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import open_map, pictures, pictures_until, uniform_map
from support.patience import STARTING

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(400)]

ANALYSIS = """
import time

from beamloom import Event, PacketKind

class Old:
    factor = 1

    def process_event(self, event: Event) -> int | None:
        if event.streams["camera"].kind is not PacketKind.DATA:
            return None
        return self.factor * event.event_number

class New(Old):
    factor = 10

class Hanging(New):
    event_timeout = 0.5

    def process_event(self, event: Event) -> int | None:
        if event.event_number > 0:
            time.sleep(3600)
"""
REDUCERS = """
from beamloom import Result

class Reducer:
    def __init__(self) -> None:
        self.publish = {"made": {}, "count": 0}

    def process_result(self, result: Result) -> None:
        if result.payload is not None:
            self.publish["made"][result.event_number] = result.payload
            self.publish["count"] += 1

class OtherReducer(Reducer):
    pass
"""
EVENTS = 400
SAMPLE = 0.3


def beamloom_shadow(live: Live, do: str, *more: str) -> int:
    parser = argparse.ArgumentParser()
    shadow.add_arguments(parser)
    patience = [f"--patience={STARTING}"] if do in ("start", "promote") else []
    return shadow.run(parser.parse_args([do, "--url", str(live.placement.controller_url), *patience, *more]))


def of_shadow(live: Live) -> ShadowTold | None:
    with connect(live.placement.controller_url) as pipeline:
        return pipeline.shadow.state


def copied(live: Live) -> dict[str, Any]:
    state = of_shadow(live)
    return {} if state is None else state.copied


def restarts(live: Live, name: str) -> int:
    """How often a process was started again."""
    return next(one.restarts for one in live.placement.status() if one.name == name)


def made_by_shadow(live: Live) -> dict[int, int]:
    with connect(live.placement.controller_url, trust_pickle=True) as pipeline:
        found: dict[int, int] = pipeline.shadow.result.select("$.made")[0]
    return found


def test_a_shadow_sees_its_sample_dies_comes_back_and_takes_over_at_one_event(
    camera: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shadowed.py").write_text(ANALYSIS)
    (tmp_path / "gathered.py").write_text(REDUCERS)
    with running(
        of_camera(camera), worker="shadowed:Old", reducer="gathered:Reducer", analysis=tmp_path
    ) as live:
        with pytest.raises(RequestRefused, match="Nothing"):
            beamloom_shadow(live, "start", "--worker", "shadowed:Nothing")
        assert beamloom_shadow(live, "start", "--worker", "shadowed:New", "--sample", str(SAMPLE)) == 0
        assert "shadowed:New and gathered:Reducer over 0.3 of the events" in capsys.readouterr().out

        # A whole run: the shadow's result is that of its sample, the run's is what it would be without.
        run = live.arm(uniform_map(["camera"], EVENTS))
        camera.play("camera", pictures(EVENTS), rate=300)
        end = live.finished()
        assert (end["failed"], end["lost"], end["redelivered"]) == (0, 0, 0)
        assert live.published()["made"] == {event: event for event in range(1, EVENTS + 1)}
        wait_until(
            lambda: copied(live).get("run") == run and copied(live)["over"],
            "the end of the shadow's run",
            live.state,
        )
        assert copied(live)["lost"] == 0
        sample = Sample(SAMPLE)
        seen = {event: 10 * event for event in range(1, EVENTS + 1) if event in sample}
        assert made_by_shadow(live) == seen
        assert beamloom_shadow(live, "compare") == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split() for line in lines if line.startswith("count")] == [
            ["count", str(EVENTS), str(len(seen))]
        ]

        # In the middle of an open-ended run it is killed, and another takes its place.
        enough = threading.Event()
        live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=300)
        wait_until(lambda: copied(live).get("reduced", 0) > 20, "copies", live.state)
        before = live.pid("shadow-2")
        live.placement.kill("shadow-2", signal.SIGKILL)
        wait_until(lambda: live.pid("shadow-2") not in (None, before), "another shadow", live.state)
        wait_until(
            lambda: (copied(live).get("first_event") or 0) > 1 and copied(live)["reduced"] > 20,
            "copies for the other one",
            live.state,
        )

        # One that hangs is ended and started again; the run at the end tells that it did nothing else.
        beamloom_shadow(live, "start", "--worker", "shadowed:Hanging", "--sample", "1")
        wait_until(lambda: restarts(live, "shadow-3") > 0, "the end of one that hangs", live.state)
        before_it = live.progress()["completed_events"]
        wait_until(lambda: live.completed(before_it + 50), "the run to go on", live.state)
        beamloom_shadow(live, "start", "--worker", "shadowed:New")

        # What takes over is what was looked at.
        (tmp_path / "shadowed.py").write_text(f"{ANALYSIS}# changed since")
        with pytest.raises(RequestRefused, match="have changed since the shadow was started"):
            beamloom_shadow(live, "promote")
        (tmp_path / "shadowed.py").write_text(ANALYSIS)

        # Another reducer class is not promoted in the middle of a result; the worker class is, and the shadow ends.
        beamloom_shadow(live, "start", "--worker", "shadowed:New", "--reducer", "gathered:OtherReducer")
        with pytest.raises(RequestRefused, match="made by one class from its first event to its last"):
            beamloom_shadow(live, "promote")
        assert beamloom_shadow(live, "promote", "--worker-only") == 0
        assert "of the analysis has taken over from event" in capsys.readouterr().out
        first = live.get("ledger")["editions"][1]["first_event"]
        wait_until(lambda: live.completed(first + 50), "events of the newer code", live.state)
        wait_until(lambda: of_shadow(live) is None, "the end of the shadow", live.state)
        enough.set()
        end = live.finished()
        assert (end["failed"], end["lost"], end["redelivered"], end["handed_back"]) == (0, 0, 0, 0)
        last = end["total_events"] - 1
        assert live.published()["made"] == {
            event: event if event < first else 10 * event for event in range(1, last)
        }
        assert live.published()["count"] == last - 1
        with pytest.raises(RequestRefused, match="beamloom shadow start"):
            beamloom_shadow(live, "stop")
