"""Every connection between the processes of a pipeline is reset again and again while it runs: nobody dies, and nothing is missing."""

from __future__ import annotations

import functools
import shutil
import socket
import subprocess
from collections.abc import Iterable

import pytest

from live.pipelines import Bench, Live, check_each_once, of_camera, running, wait_until
from live.series import pictures, uniform_map
from support.ports import quiet_port

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def can_reset() -> bool:
    """Whether the kernel closes connections of others for us (``ss -K``: root, and CONFIG_INET_DIAG_DESTROY)."""
    if shutil.which("ss") is None:
        return False
    with (
        socket.create_server(("127.0.0.1", quiet_port())) as server,
        socket.create_connection(server.getsockname()) as there,
    ):
        reset([server.getsockname()[1]])
        there.settimeout(0.2)
        try:
            there.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True
        return True


def reset(ports: Iterable[int]) -> int:
    """Reset all connections to these ports of this machine, at both ends; returns how many ends there were."""
    either = " or ".join(f"sport = :{port} or dport = :{port}" for port in ports)
    words = ["ss", "-K", "-tnH", "state", "established", f"( {either} )"]
    return len(subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines())


def mailboxes(live: Live) -> list[int]:
    """The ports at which the processes of a pipeline listen, those of HTTP left out."""
    pids = {f"pid={status.pid}," for status in live.placement.status()}
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    ours = [line.split()[3] for line in listening.splitlines() if any(pid in line for pid in pids)]
    http = {url.rsplit(":", 1)[1] for url in (live.placement.controller_url, live.placement.reducer_url)}
    return sorted({int(place.rsplit(":", 1)[1]) for place in ours if place.rsplit(":", 1)[1] not in http})


@pytest.mark.long
@pytest.mark.skipif(
    not can_reset(), reason="ss -K closes no connection here: it needs root, and a kernel that lets it"
)
def test_a_run_whose_connections_are_reset_again_and_again_misses_nothing(camera: Bench) -> None:
    events, every = 4000, 200
    with running(of_camera(camera), parameters={"takes": 0.0002}) as live:
        ports = mailboxes(live)
        assert len(ports) == len(live.placement.status())
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events), rate=1500)
        ends = 0
        for reached in range(every, events, every):
            wait_until(functools.partial(live.completed, reached), f"{reached} events", live.state)
            ends += reset(ports)
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (events + 2, 0, 0), live.state()
        assert (end["redelivered"], end["errors"]) == (0, [])
        assert ends > 2 * len(ports)
        check_each_once(live, events)
        live.arm(uniform_map(["camera"], 50))
        reset(ports)
        camera.play("camera", pictures(50))
        assert live.finished()["reduced"] == 52
        assert [status.restarts for status in live.placement.status()] == [0] * len(ports)
