"""Several pipelines of real processes at one address: what happens to one is not felt in the other, and nothing is left at the end."""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

import httpx
import pytest
from websockets.sync.client import connect as open_socket

from access.services import Small, make_certificate
from beamloom.access import Access, Tokens
from beamloom.client import Pipeline, connect
from beamloom.errors import MapRefused, PipelineError
from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import PlainScreen
from beamloom.placement.side_by_side import SideBySide
from live.pipelines import ANALYSES, TIMEOUT, Bench, Live, check_each_once, wait_until
from live.series import pictures_held, uniform_map
from live.test_live_supervisor import listens
from support.patience import PATIENCE
from support.ports import quiet_address, quiet_port

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(240)]

EVENTS = 2000
FIRST = 500
"""Pictures that are sent before anything happens."""


class Part:
    """One of two pipelines: its processes, how others reach it, and its camera, which sends the rest when it is told to."""

    def __init__(self, live: Live, pipeline: Pipeline, camera: Bench) -> None:
        self.live = live
        self.pipeline = pipeline
        self._camera = camera
        self.rest = threading.Event()

    def begin(self) -> str:
        """Arm a run, and send its first pictures."""
        run = self.pipeline.arm(uniform_map(["camera"], EVENTS))
        self._camera.play("camera", pictures_held(EVENTS, {FIRST: self.rest}))
        return run

    def has(self, events: int) -> bool:
        """Whether so many are settled."""
        return self.pipeline.progress().completed_events >= events


def written(name: str, camera: Bench) -> str:
    """A pipeline file."""
    return json.dumps(
        {
            "name": name,
            "streams": {"camera": {"device": "stins", "url": camera.url("camera")}},
            "workers": {"class": "pictures:Worker", "count": 2},
            "reducer": {"class": "pictures:Reducer", "http": quiet_address()},
            "controller": {"http": quiet_address()},
            "analysis": str(ANALYSES),
        }
    )


@contextmanager
def two() -> Iterator[tuple[SideBySide, Part, Part]]:
    """Two pipelines that are ready."""
    with ExitStack() as stack:
        cameras = [stack.enter_context(Bench({"camera": ("stins", "tcp://127.0.0.1:*")})) for _ in "ab"]
        pipelines = [
            parse_pipeline(written(name, camera), folder=ANALYSES)
            for name, camera in zip("ab", cameras, strict=True)
        ]
        both = stack.enter_context(SideBySide(pipelines, screen=PlainScreen(io.StringIO())))
        assert both.wait_front(TIMEOUT, lambda: False)
        parts = []
        for (name, placement), camera in zip(both.parts.items(), cameras, strict=True):
            placement.wait_ready(TIMEOUT)
            live = Live(placement)
            stack.callback(live.close)
            pipeline = stack.enter_context(connect(both.url, pipeline=name))
            parts.append(Part(live, pipeline, camera))
            stack.callback(parts[-1].rest.set)
        yield both, parts[0], parts[1]


def check_whole(part: Part, run: str) -> None:
    """The run ends with all of its events, each reduced once from its own picture."""
    ended = part.pipeline.wait(TIMEOUT)
    assert (ended.run, ended.reduced, ended.failed, ended.lost) == (run, EVENTS + 2, 0, 0), part.live.state()
    wait_until(lambda: part.live.published()["finished"], "the end of the reducer", part.live.state)
    check_each_once(part.live, EVENTS)


def test_a_run_is_whole_while_a_worker_of_it_is_killed_and_the_other_run_is_stopped_and_refused() -> None:
    with two() as (_, a, b):
        run = b.begin()
        a.begin()
        wait_until(lambda: a.has(FIRST // 2), "events of a", a.live.state)
        wait_until(lambda: b.has(FIRST // 2), "events of b", b.live.state)
        b.live.kill("worker-1")
        a.pipeline.stop()
        stopped = a.pipeline.wait(TIMEOUT)
        assert stopped.stopped
        assert stopped.lost > 0
        with pytest.raises(MapRefused, match="stream 'nope' not available"):
            a.pipeline.arm(["nope"], 10)
        assert not b.pipeline.progress().finished
        b.rest.set()
        check_whole(b, run)


def test_runs_of_both_are_whole_while_a_controller_and_the_front_are_killed() -> None:
    with two() as (both, a, b):
        runs = a.begin(), b.begin()
        wait_until(lambda: a.has(FIRST // 2), "events of a", a.live.state)
        wait_until(lambda: b.has(FIRST // 2), "events of b", b.live.state)
        before = b.live.kill("controller"), both.kill_front()
        # The front comes back by itself, and finds whoever is there by then.
        wait_until(lambda: b.live.pid("controller") not in (None, before[0]), "another controller")
        for part in (a, b):
            part.rest.set()
            wait_until(partial(settles, part), "an answer through the front")
        for part, run in zip((a, b), runs, strict=True):
            check_whole(part, run)


def settles(part: Part) -> bool:
    """Whether it answers, through the front, with its run."""
    try:
        return part.pipeline.progress().run is not None
    except PipelineError:
        return False


def test_a_pipeline_that_cannot_start_is_ended_and_the_other_one_goes_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        camera, other = (
            stack.enter_context(Bench({"camera": ("stins", "tcp://127.0.0.1:*")})) for _ in range(2)
        )
        taken = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        good, bad = json.loads(written("good", camera)), json.loads(written("bad", other))
        bad["reducer"]["http"] = f"127.0.0.1:{taken}"
        command = [sys.executable, "-m", "beamloom", "up", "--plain"]
        for pipeline in (good, bad):
            file = tmp_path / f"{pipeline['name']}.yaml"
            file.write_text(json.dumps(pipeline))
            command.append(str(file))
        up = stack.enter_context(
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
            )
        )
        # Where the test fails, nothing of it stays; what it started ends with it.
        stack.callback(up.kill)
        assert up.stdout
        front = f"http://{good['controller']['http']}"
        ended, ready = "bad was ended, and the others go on", "ready: good"
        said = "".join(read_until(up.stdout, f"{ended}|{ready}"))
        said += "".join(read_until(up.stdout, ready if ended in said else ended))
        with connect(front) as pipeline:
            run = pipeline.arm(["camera"], 20)
            camera.play("camera", pictures_held(20, {}))
            progress = pipeline.wait(TIMEOUT)
            assert (progress.run, progress.reduced) == (run, 22)
        with pytest.raises(PipelineError, match="'bad' does not answer"):
            connect(front, pipeline="bad")
        up.send_signal(signal.SIGINT)
        said += up.stdout.read()
        assert up.wait(PATIENCE) == 1, said
        assert f"port {taken} of 127.0.0.1 is taken by another process" in said
        pids = re.findall(r"runs as process (\d+)", said)
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        assert not listens(front)


def test_a_front_by_hand_speaks_tls_with_whom_it_trusts_and_goes_when_it_is_told_to(tmp_path: Path) -> None:
    port = quiet_port()
    with ExitStack() as stack:
        shown, urls, refusing = [], {}, Access(tokens=Tokens("r" * 32, "c" * 32))
        for name in ("saxs", "waxs"):
            certificate, key = make_certificate(tmp_path, f"{name}.example")
            shown.append((certificate, key))
            access = replace(refusing, certificate=certificate, key=key)
            urls[name] = stack.enter_context(Small().served(access))
        certificate, key = shown[0]
        words = [
            *("front", f"--port={port}", f"--pipeline-urls={json.dumps(urls)}"),
            *(f"--http-certificate={certificate}", f"--http-key={key}"),
            f"--http-trusted={','.join(str(one) for one, _ in shown)}",
        ]
        front = stack.enter_context(
            subprocess.Popen([sys.executable, "-m", "beamloom", *words], stderr=subprocess.PIPE, text=True)
        )
        stack.callback(front.kill)
        assert front.stderr
        for _ in read_until(front.stderr, "saxs, waxs at https://"):
            pass
        held = {"Authorization": "Bearer " + "r" * 32}
        trusted = ssl.create_default_context(cafile=certificate)
        with httpx.Client(verify=trusted, trust_env=False, timeout=PATIENCE) as client:
            for name in urls:
                there = f"https://127.0.0.1:{port}/pipelines/{name}"
                assert client.get(f"{there}/read", headers=held).text == "secret result"
                assert client.get(f"{there}/read").status_code == 401
                with open_socket(
                    f"wss://127.0.0.1:{port}/pipelines/{name}/talk", ssl=trusted, additional_headers=held
                ) as opened:
                    assert opened.recv(PATIENCE) == "secret result"
        front.send_signal(signal.SIGTERM)
        assert front.wait(PATIENCE) == 0


def read_until(output: IO[str], wanted: str) -> Iterator[str]:
    """The lines of ``output`` up to one in which something of ``wanted``, with | between, is."""
    for line in output:
        yield line
        if any(one in line for one in wanted.split("|")):
            return
    pytest.fail(f"no {wanted!r}")
