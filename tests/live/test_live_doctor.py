"""What goes wrong with real processes and devices is named by the doctor, over HTTP and on the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from live.pipelines import ANALYSES, Bench, Live, of_camera, running, wait_until
from live.series import open_map, pictures, uniform_map
from support.patience import PATIENCE
from support.ports import quiet_address, quiet_port

pytestmark = pytest.mark.processes


def findings(live: Live) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in live.get("doctor")["findings"]}


def found(live: Live, check: str) -> dict[str, Any]:
    """Wait for a finding and return it."""
    wait_until(
        lambda: check in findings(live), f"the finding {check}", lambda: f"{findings(live)}\n{live.state()}"
    )
    return findings(live)[check]


def beamloom(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, "-m", "beamloom", *words],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )


@pytest.fixture(scope="module")
def seen() -> Iterator[Bench]:
    """The camera of ``watched``."""
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as bench:
        yield bench


@pytest.fixture(scope="module")
def watched(seen: Bench) -> Iterator[Live]:
    """A pipeline with one camera and little patience, of which no process ends."""
    with running(of_camera(seen), settings={"stall_limit": 0.5, "straggler_timeout": 5.0}) as live:
        yield live


def test_nothing_is_wrong_with_a_pipeline_that_is_well(watched: Live, seen: Bench) -> None:
    watched.arm(uniform_map(["camera"], 9))
    seen.play("camera", pictures(9))
    watched.finished()
    done = beamloom("doctor", watched.placement.controller_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing is wrong." in done.stdout
    assert "is finished" in done.stdout


def test_a_camera_that_falls_silent_stalls_everywhere_until_it_goes_on(watched: Live, seen: Bench) -> None:
    series = pictures(9)
    watched.arm(uniform_map(["camera"], 9))
    seen.play("camera", series[:4])
    wait_until(lambda: watched.progress()["stalled"] == ["camera"], "the stall", watched.state)
    assert watched.get("streams")["camera"]["stalled"] is True
    assert watched.get("status")["stalled"] == ["camera"]
    finding = found(watched, "stream-stalled")
    assert "after 4 packets, though the device is connected" in finding["what"]
    done = beamloom("doctor", watched.placement.controller_url)
    assert done.returncode == 1
    assert "TROUBLE   stream 'camera' is stalled: no packet for" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    seen.play("camera", series[4:])
    end = watched.finished()
    assert (end["reduced"], end["stalled"]) == (11, [])
    assert findings(watched) == {}


def test_a_camera_that_is_gone_is_told_as_that(addresses: dict[str, tuple[str, str]]) -> None:
    with Bench({"front": addresses["front"]}) as bench:
        streams = {"front": {"device": "stins", "url": bench.url("front")}}
        with running(streams, settings={"stall_limit": 0.5}) as live:
            live.arm(uniform_map(["front"], 9))
            bench.play("front", pictures(9)[:4])
            wait_until(lambda: live.completed(4), "the first pictures", live.state)
            bench.__exit__(None, None, None)
            finding = found(live, "device-away")
            assert "the device of stream 'front' is not connected" in finding["what"]


def test_a_series_that_began_before_the_run_was_armed_is_told_as_that(watched: Live, seen: Bench) -> None:
    watched.arm(uniform_map(["camera"], 9))
    seen.play("camera", pictures(9)[1:])
    finding = found(watched, "beginning-missed")
    assert "has sent 10 messages of a series whose beginning did not come here" in finding["what"]
    watched.post("stop")
    assert watched.finished()["reduced"] == 0


def test_a_second_consumer_of_the_camera_is_named(watched: Live, seen: Bench) -> None:
    watched.arm(uniform_map(["camera"], 60))
    # Without its beginning nothing of a series is taken.
    series = pictures(60)
    seen.play("camera", series[:1])
    wait_until(lambda: watched.completed(1), "the beginning", watched.state)
    with zmq.Context() as context, context.socket(zmq.PULL) as thief:
        with thief.get_monitor_socket(zmq.Event.HANDSHAKE_SUCCEEDED) as monitor:
            thief.connect(seen.url("camera"))
            assert monitor.poll(int(1000 * PATIENCE)), "the thief is not connected"
            thief.disable_monitor()
        seen.play("camera", series[1:], rate=200)
        # It takes what it is given, as a viewer would that somebody has forgotten.
        while findings(watched).get("packets-stolen") is None and not watched.progress()["finished"]:
            thief.poll(10) and thief.recv_multipart()
        while thief.poll(100):
            thief.recv_multipart()
    finding = found(watched, "packets-stolen")
    assert finding["about"] == "camera"
    assert "1 of every 2 packets are missing in a steady rhythm" in finding["what"]
    assert "a forgotten 'beamloom probe'" in finding["do"]


def test_maps_and_data_of_different_lengths_are_told_of(watched: Live, seen: Bench) -> None:
    watched.arm(uniform_map(["camera"], 5))
    seen.play("camera", pictures(12))
    watched.finished()
    assert "sent 7 packets behind the last event of the map" in found(watched, "map-too-short")["what"]
    watched.arm(uniform_map(["camera"], 12))
    seen.play("camera", pictures(5))
    watched.finished()
    assert "7 events lost: 6-12" in found(watched, "map-too-long")["what"]


def test_a_run_whose_workers_with_its_tag_are_gone_says_who_is_missing(camera: Bench) -> None:
    workers = [
        {"class": "pictures:Worker", "tags": ["generic"]},
        {"class": "pictures:Worker", "tags": ["special"]},
    ]
    with running(of_camera(camera), workers=workers) as live:
        cells = [[{"tags": ["special"], "constraint": n}] for n in range(9)]
        live.arm({"parts": {"main": {"camera": cells}}, "sequence": ["main"]})
        pid = next(one["pid"] for one in live.get("config")["workers"] if one["tags"] == ["special"])
        os.kill(pid, signal.SIGSTOP)
        try:
            finding = found(live, "nobody-suits")
            assert "with tag special" in finding["what"]
            assert "worker-2 is gone" in findings(live)["process-gone"]["what"]
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.long
def test_a_worker_that_hangs_is_told_with_its_event_and_since_when(camera: Bench) -> None:
    with running(of_camera(camera), worker="harmful:Worker", reducer="harmful:Reducer") as live:
        live.set(harm="sleep", harm_at=3)
        run = live.arm(uniform_map(["camera"], 9))
        camera.play("camera", pictures(9))
        finding = found(live, "user-code-hangs")
        assert "in user code with event 3 for" in finding["what"]
        done = beamloom("explain", run[:8], "3", "--url", live.placement.controller_url)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Event 3 of run {run}: assigned" in done.stdout
        assert "stream 'camera': packet 3 came" in done.stdout
        assert f"{finding['about']}: it is in user code with this event" in done.stdout
        assert f"{finding['about']} did not answer within a second" in done.stdout


def test_the_story_of_an_event_names_the_worker_that_died_with_it_and_the_one_that_did_it(
    camera: Bench, tmp_path: Path
) -> None:
    with running(of_camera(camera), worker="harmful:Worker", reducer="harmful:Reducer") as live:
        diary = tmp_path / "diary"
        diary.touch()
        live.set(harm="sleep at first", harm_at=3, diary=str(diary))
        live.arm(uniform_map(["camera"], 5))
        camera.play("camera", pictures(5))
        url = "events/3"
        holder = wait_until(
            lambda: [
                name
                for name, said in live.get(url)["processes"].items()
                if said.get("state") == "it is in user code with this event"
            ],
            "the worker that has it",
            live.state,
        )[0]
        live.placement.kill(holder)
        assert live.finished()["reduced"] == 7
        before, after = live.get(url)["attempts"]
        assert before["worker"].partition("@")[0] == holder
        assert "ended without a word: killed" in before["taken_away_because"]
        assert (after["attempt"], after["taken_at"] is not None) == (2, True)
        assert f"{holder} was gone" in found(live, "process-restarted")["what"]


@pytest.mark.long
def test_a_slow_reducer_is_named_and_not_the_workers(camera: Bench) -> None:
    with running(
        of_camera(camera),
        worker="leisurely:Worker",
        reducer="leisurely:Reducer",
        settings={"outbox_bytes": 200_000},
    ) as live:
        live.arm(uniform_map(["camera"], 40))
        camera.play("camera", pictures(40))
        finding = found(live, "reducer-slow")
        assert "wait until it has taken results" in finding["what"] or "waits until" in finding["what"]
        assert "process_result" in finding["do"]
        live.finished(timeout=60)


def test_a_class_that_cannot_be_imported_is_named_by_a_pipeline_that_runs(camera: Bench) -> None:
    with running(of_camera(camera), worker="unimportable:Worker") as live:
        finding = found(live, "code-not-usable")
        assert "cannot use unimportable:Worker" in finding["what"]


def test_a_disk_with_little_room_is_named(camera: Bench, tmp_path: Path) -> None:
    settings = {"disk_low": 1 << 62}
    with running(of_camera(camera), recording={"prefix": f"{tmp_path}/runs/"}, settings=settings) as live:
        wait_until(  # One finding a folder: all of them are looked at, in whatever order the processes came.
            lambda: "the recording of camera-ingester" in str(live.get("doctor")["findings"]),
            "the disk",
            lambda: str(live.get("doctor")["findings"]),
        )


def test_an_open_run_that_asks_for_it_ends_when_nothing_comes_any_more(watched: Live, seen: Bench) -> None:
    answer = watched.post("sequence?idle_limit=1", json=open_map(["camera"]))
    assert answer.status_code == 200, answer.text
    seen.play("camera", pictures(9)[:-1])
    end = watched.finished()
    assert (end["reduced"], end["lost"], end["stopped"]) == (10, 0, "nothing came for 1 s (idle_limit)")


# ---- pipelines that do not run ------------------------------------------------------------------------------------------------


def test_a_controller_that_is_away_and_one_that_hangs_are_told_apart(watched: Live) -> None:
    done = beamloom("doctor", f"http://{quiet_address()}")
    assert done.returncode == 1
    assert "no controller answers at" in done.stdout
    pid = next(status.pid for status in watched.placement.status() if status.name == "controller")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        done = beamloom("doctor", watched.placement.controller_url)
        assert done.returncode == 1
        assert "and does not answer" in done.stdout
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_a_pipeline_file_needs_and_does_not_find_is_told(tmp_path: Path, camera: Bench) -> None:
    with socket.create_server(("127.0.0.1", quiet_port())) as taken:
        port = taken.getsockname()[1]
        silent = quiet_address()
        file = tmp_path / "pipeline.json"
        file.write_text(
            json.dumps(
                {
                    "streams": {
                        "camera": {"device": "stins", "url": camera.url("camera")},
                        "side": {"device": "stins", "url": f"tcp://{silent}"},
                        "spectra": {"device": "xspress3", "url": camera.url("camera")},
                    },
                    "workers": {"class": "unimportable:Worker"},
                    "reducer": {"class": "pictures:Reducer", "http": f"127.0.0.1:{port}"},
                    "controller": {"http": quiet_address()},
                    "analysis": str(ANALYSES),
                }
            )
        )
        done = beamloom("doctor", str(file), "--json")
    assert done.returncode == 1, done.stderr
    told = {(one["check"], one["about"]): one["what"] for one in json.loads(done.stdout)["findings"]}
    by_check = {check: what for (check, _), what in told.items()}
    assert "no controller answers" in by_check["controller-away"]
    assert f"is taken by process {os.getpid()}" in told["port-taken", f"127.0.0.1:{port}"]
    assert "unimportable:Worker cannot be imported" in told["code-not-usable", "unimportable:Worker"]
    assert f"nobody listens at tcp://{silent}" in told["device-away", "side"]
    assert "there is a PUSH socket" in told["device-speaks-otherwise", "spectra"]
    assert ("device-away", "camera") not in told
    assert ("code-not-usable", "pictures:Reducer") not in told
