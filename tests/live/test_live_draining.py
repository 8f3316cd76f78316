"""Worker processes that are asked to end while a run goes on: they finish the event that they are in, and cost nothing."""

from __future__ import annotations

import signal
import subprocess
import threading
from functools import partial

import pytest

from beamloom.exit_status import RETIRED
from live.pipelines import Bench, Live, check_each_once, of_camera, running, wait_until
from live.series import open_map, pictures_until
from support.patience import PATIENCE

pytestmark = [pytest.mark.processes, pytest.mark.long]


def gains_of(worker: str, live: Live) -> set[int]:
    """The gains that held for the events of a worker."""
    tree = live.published()
    return {tree["gain"][event] for event, by in tree["worker"].items() if by == worker}


def has_worked(worker: str, live: Live) -> bool:
    """Whether a result of a worker is in the tree."""
    return worker in live.published()["worker"].values()


def works(worker: str, live: Live) -> bool:
    """Whether a worker is in the middle of an event."""
    return "user code" in [wait["what"] for wait in live.get("status")["waits"].get(worker, ())]


def test_workers_that_are_asked_to_leave_lose_nothing_and_count_for_no_death(camera: Bench) -> None:
    """One is told so by the controller, the other by a signal, in the middle of a long event."""
    enough = threading.Event()
    with running(of_camera(camera), count=1, parameters={"takes": 0.1}) as live:
        first = next(spec for spec in live.placement.layout.processes if spec.name == "worker-1")
        argv = [word for word in first.argv if not word.startswith("--die-with-parent")]
        by_hand = [
            subprocess.Popen([word.replace("worker-1", name) for word in argv], stderr=subprocess.PIPE)
            for name in ("spare-1", "spare-2")
        ]
        try:
            for name in ("spare-1", "spare-2"):
                wait_until(partial(live.peer, name), f"{name} to be there", live.state)
            live.arm(open_map(["camera"]))
            camera.play("camera", pictures_until(enough), rate=200)
            for name in ("worker-1", "spare-1", "spare-2"):
                wait_until(partial(has_worked, name, live), f"{name} at work", live.state)
            # By then little is leased ahead.
            wait_until(lambda: live.completed(60), "the pace of slow workers", live.state)
            assert live.post("workers/spare-1/drain").json() == {"draining": "spare-1"}
            assert by_hand[0].wait(PATIENCE) == RETIRED
            live.set(takes=2.0, gain=7)
            wait_until(lambda: 7 in gains_of("spare-2", live), "a slow event of spare-2", live.state)
            wait_until(lambda: works("spare-2", live), "spare-2 in the middle of another one", live.state)
            by_hand[1].send_signal(signal.SIGTERM)
            assert by_hand[1].wait(PATIENCE) == 0
            # It may have been through with its event before anybody could look at it.
            said = "spare-2 drains: told to end by SIGTERM"
            wait_until(lambda: said in "\n".join(live.placement.output("controller")), said, live.state)
            live.set(takes=0.0)
            enough.set()
            end = live.finished()
        finally:
            enough.set()
            for process in by_hand:
                process.kill()
                process.communicate()
        assert (end["failed"], end["lost"], end["redelivered"], end["quarantined"]) == (0, 0, 0, 0)
        assert end["handed_back"] > 0
        check_each_once(live, end["total_events"] - 2)
        assert all(status.restarts == 0 for status in live.placement.status())
