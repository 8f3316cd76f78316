"""``beamloom top`` in a terminal, over a pipeline that runs: what it shows is what the API says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.screens import InTerminal
from live.series import pictures, pictures_held, uniform_map
from support.ports import quiet_address

pytestmark = pytest.mark.processes

EVENTS = 40


@pytest.fixture
def live(camera: Bench) -> Iterator[Live]:
    with running(of_camera(camera)) as one:
        yield one


def top(*words: str) -> list[str]:
    return [sys.executable, "-m", "beamloom", "top", *words]


def has(pattern: str) -> Callable[[list[str]], bool]:
    """Whether a line on the screen is like this."""
    return lambda lines: any(re.search(pattern, line) for line in lines)


def worker_row(worker: dict[str, Any]) -> Callable[[list[str]], bool]:
    """Whether the screen has of a worker what the controller has: what a worker counts comes with its signs of life."""
    return has(rf"^ {worker['name']} +worker +{worker['processed_events']} ")


def test_a_pipeline_is_followed_from_its_first_run_over_the_death_of_its_controller_to_the_end(
    live: Live, camera: Bench
) -> None:
    with InTerminal(top(live.placement.controller_url or "", "--interval", "0.1")) as screen:
        lines = screen.wait_for("Ready: no run has been armed yet.")
        assert (len(lines), "q quit" in lines[-1]) == (24, True)
        wide = max(map(len, screen.wait_for(lambda lines: "version" in lines[0])))
        assert wide == 79  # the title ends with a blank
        assert re.search(r"^ camera .*no run reads it", "\n".join(lines), re.MULTILINE)
        run = live.arm(uniform_map(["camera"], EVENTS))
        # What a stream carries is learned from a packet that comes after a first look, and told by the next one.
        seen, learned = threading.Event(), threading.Event()
        camera.play("camera", pictures_held(EVENTS, {10: seen, 20: learned}))
        screen.wait_for(has(r"^ camera +10 "))
        seen.set()
        screen.wait_for(has(r"^ camera +20 .* 1 × 1 uint32 "))
        learned.set()
        live.finished()
        lines = screen.wait_for("The run is complete: every event is in the result.")
        end = live.progress()
        assert any(f"run {run[:8]}  finished" in line for line in lines)
        told = f"{end['completed_events']} of {end['total_events']}"
        assert any(told in line and "100 %" in line for line in lines)
        packets = live.get("streams")["camera"]["packets"]
        screen.wait_for(has(rf"^ camera +{packets} +\S+ +1 × 1 uint32 "))
        screen.wait_for(lambda lines: all(worker_row(one)(lines) for one in live.get("config")["workers"]))

        screen.type("w")
        lines = screen.wait_for("Workers, by name")
        assert "camera-ingester" not in "\n".join(lines)
        screen.type("s")
        screen.wait_for("Workers, by events")
        screen.type("?")
        screen.wait_for("ends this; the pipeline goes on")
        screen.type("e")
        screen.wait_for("Nothing has failed in this run, and nothing was lost.")
        screen.type("\x1b")
        screen.wait_for("Processes, by events")

        screen.resize(120, 40)
        lines = screen.wait_for(lambda lines: "q quit" in lines[-1])
        assert (len(lines), len(lines[-1]) <= 120) == (40, True)
        screen.resize(30, 8)
        screen.wait_for(lambda lines: "lines" in lines[-1])
        screen.type("\x1b[F")
        screen.wait_for(lambda lines: re.search(r" to (\d+) of \1 ", lines[-1]))
        screen.resize(80, 24)

        live.placement.kill("controller")
        wait_until(lambda: "No answer" in screen.written, "the word that there is no controller")
        screen.wait_for(lambda lines: "No answer" not in "\n".join(lines) and "finished" in "\n".join(lines))

        assert {"1049"} <= screen.modes
        screen.type("q")
        assert screen.process.wait(20) == 0
        wait_until(lambda: "1049" not in screen.modes, "the old screen")
        assert {"25", "7"} <= screen.modes
        assert screen.settings == screen.settings_before


@pytest.mark.expects_errors
def test_what_fails_is_counted_at_once_and_told_with_its_traceback(camera: Bench) -> None:
    with running(of_camera(camera), worker="harmful:Worker", reducer="harmful:Reducer") as live:
        live.set(harm="raise", harm_at=3)
        live.arm(uniform_map(["camera"], 9))
        camera.play("camera", pictures(9))
        with InTerminal(top(live.placement.controller_url or "", "--interval", "0.1"), (100, 40)) as screen:
            failed = live.finished()["failed"]
            screen.wait_for(has(rf"failed {failed} "))
            screen.wait_for(has(r"^ 1 × Worker.process_event, events 3: SystemExit: enough"))
            screen.type("e")
            screen.wait_for(has(r"^ 1 time: Worker.process_event: SystemExit: enough"))
            screen.wait_for(has(r"in process_event$"))
            last = live.get("errors")[-1]["error"]
            screen.type("\x1b[F")
            screen.wait_for(has(rf"^ 1 time: Worker.process_event: {last}: "))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_terminal_as_it_was(number: int) -> None:
    with InTerminal(top(f"http://{quiet_address()}")) as screen:
        screen.wait_for("start one with 'beamloom up")
        screen.process.send_signal(number)
        assert screen.process.wait(20) == 0
        wait_until(lambda: "1049" not in screen.modes, "the old screen")
        assert screen.settings == screen.settings_before


def test_a_terminal_without_colours_and_utf8_gets_neither() -> None:
    environment = {"NO_COLOR": "1", "LANG": "C", "LC_ALL": "C"}
    with InTerminal(top(f"http://{quiet_address()}"), (60, 12), environment) as screen:
        screen.wait_for("* UNKNOWN")
        assert screen.written.isascii()
        assert set(re.findall(r"\x1b\[(\d+)m", screen.written)) <= {"0", "1", "2", "7"}
        screen.type("q")
        assert screen.process.wait(20) == 0


def test_one_picture_is_printed_where_there_is_no_terminal(live: Live, camera: Bench) -> None:
    run = live.arm(uniform_map(["camera"], 9))
    camera.play("camera", pictures(9))
    live.finished()
    environment = {**os.environ, "COLUMNS": "80", "LANG": "C.UTF-8"}

    def printed(*words: str) -> subprocess.CompletedProcess[str]:
        command = top(*words, "--interval", "0.2")
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)

    done = printed(live.placement.controller_url or "")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert f"run {run[:8]}  finished" in done.stdout
    assert "WELL  The run is complete: every event is in the result." in done.stdout
    assert "q quit" not in done.stdout

    away = printed(f"http://{quiet_address()}", "--once")
    assert away.returncode == 1
    assert "no controller answers at" in away.stderr
    wrong = printed(live.placement.reducer_url or "", "--once")
    assert wrong.returncode == 1
    assert "is no controller" in wrong.stderr
