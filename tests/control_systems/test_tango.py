"""A pipeline as a Tango device: a real server, a real database, a real pipeline."""

from __future__ import annotations

import json
import os
import queue
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.triggermap import uniform
from live.pipelines import Bench, Live, wait_until
from live.series import pictures
from support.patience import PATIENCE
from support.ports import quiet_port

tango = pytest.importorskip("tango", reason="needs PyTango: pip install 'beamloom[tango]'")

from control_systems.tango_servers import DEVICE, answering, database, process  # noqa: E402

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def device(live: Live) -> Iterator[Any]:
    """By a server without a database; all parameters are known."""
    port = quiet_port()
    words = ["-m", "beamloom", "tango", "test", "--nodb", str(port), "--device", DEVICE]
    words += ["--url", live.placement.controller_url, "--array", "line=curve:1"]
    with process(*words):
        proxy = answering(f"tango://127.0.0.1:{port}/{DEVICE}#dbase=no")
        wait_until(lambda: "gain" in proxy.get_attribute_list(), "the parameters", proxy.status)
        yield proxy


def in_state(device: Any, state: str) -> None:
    wait_until(lambda: device.state().name == state, state, device.status)


def refusal(action: Any, *arguments: Any) -> str:
    with pytest.raises(tango.DevFailed) as refused:
        action(*arguments)
    return str(refused.value.args[0].desc)


def test_a_run_is_begun_followed_and_over(device: Any, live: Live, camera: Bench) -> None:
    told: queue.Queue[Any] = queue.Queue()
    ids = [
        device.subscribe_event(name, tango.EventType.CHANGE_EVENT, told.put)
        for name in ("State", "completedEvents", "total", "sample_count", "feedback")
        if name in device.get_attribute_list()
    ]
    run = device.SetTriggerMap(uniform(["camera"], 9).encode().decode())
    assert (device.run, device.state().name, device.totalEvents) == (run, "RUNNING", 11)
    camera.play("camera", pictures(9))
    in_state(device, "CLOSE")
    assert (device.completedEvents, device.lostEvents, device.failedEvents) == (11, 0, 0)
    assert device.coverage == "Complete: all 11 events are in the result."
    wait_until(lambda: "sample_count" in device.get_attribute_list(), "the numbers", device.status)
    wait_until(lambda: device.sample_count == 9, "the last number", device.status)
    assert device.total == sum(range(9))
    np.testing.assert_array_equal(device.line, live.published()["curve"])
    assert json.loads(device.Result("$.sample.count")) == [9]

    values: dict[str, list[Any]] = {}

    def last_event_came() -> bool:
        while not told.empty():
            event = told.get()
            assert not event.err, event.errors
            values.setdefault(event.attr_value.name.lower(), []).append(event.attr_value.value)
        ended = values.get("completedevents", [0])[-1] == 11 and str(values["state"][-1]) == "CLOSE"
        return ended and len([text for text in values.get("feedback", []) if text and run in text]) >= 3

    wait_until(last_event_came, "the events", lambda: str(values))
    pieces = [json.loads(text) for text in values["feedback"] if text and run in text]
    assert [(one["number"], one["kind"], one["payload"]) for one in pieces] == [
        (number, "next_position", {"x": 3 * number}) for number in (1, 2, 3)
    ]
    assert [json.loads(text) for text in device.FeedbackAfter(f"{run}:1")] == pieces[1:]
    assert [json.loads(text) for text in device.lastFeedback[-3:]] == pieces
    assert json.loads(device.feedback) == pieces[-1]
    for one in ids:
        device.unsubscribe_event(one)


def test_the_status_names_who_does_what(device: Any) -> None:
    lines = device.status().splitlines()
    assert "camera-ingester: camera" in lines
    assert (
        sum(line.startswith("worker-") and "[generic]" in line for line in lines) == device.workerCount == 2
    )
    assert lines[-1].startswith("reducer: ")


def test_parameters_are_attributes_with_their_limits(device: Any, live: Live, tmp_path: Path) -> None:
    about = device.get_attribute_config("gain")
    assert (about.unit, about.min_value, about.max_value) == ("counts", "0.5", "9.0")
    assert about.description == "of the detector"
    for name, value in {"gain": 2.5, "step": 7, "fast": True, "sample": "C-17", "mode": "mean"}.items():
        device.write_attribute(name, value)
        assert device.read_attribute(name).value == value
    device.band = [3, 5]
    assert device.band.tolist() == [3, 5]
    device.key = np.frombuffer(b"\x00\x01", np.uint8)
    assert device.key.tobytes() == b"\x00\x01"
    epochs = live.get("epochs")["values"]
    assert (epochs["gain"], epochs["sample"]) == (2.5, "C-17")

    mask = tmp_path / "mask.bin"
    mask.write_bytes(b"pixels")
    device.mask = str(mask)
    assert (device.mask, device.mask_file.tobytes()) == (str(mask), b"pixels")
    assert "cannot be read by the Tango device server: No such file" in refusal(
        device.write_attribute, "mask", str(tmp_path / "nowhere")
    )
    assert "'max' is not one of 'sum', 'mean'" in refusal(device.write_attribute, "mode", "max")
    assert "above the maximum" in refusal(device.write_attribute, "gain", 99.0)


def test_what_the_pipeline_refuses_is_raised_with_its_sentence(device: Any) -> None:
    assert "not readable as JSON" in refusal(device.SetTriggerMap, "nonsense")
    assert "stream 'camara' not available" in refusal(device.Live, ["camara"])
    assert "nothing is selected" in refusal(device.Result, "$.nothing")


def test_a_run_goes_on_until_it_is_stopped_and_workers_come(device: Any, live: Live, camera: Bench) -> None:
    run = device.Live([])
    assert device.read_attribute("totalEvents").quality == tango.AttrQuality.ATTR_INVALID
    device.workerCount = 3
    wait_until(lambda: device.workerCount == 3, "a third worker", device.status)
    device.workerCount = 2
    wait_until(lambda: device.workerCount == 2, "that it is gone", device.status)
    device.Stop()
    in_state(device, "CLOSE")
    assert live.progress()["run"] == run
    # Of a number that is called as a parameter, and of one that is called as an array, after many looks.
    alike = [name for name in device.get_attribute_list() if name.startswith(("step", "line"))]
    assert sorted(alike) == ["line", "line_2", "step", "step_2"]


@pytest.mark.timeout(120)
def test_either_side_may_be_killed_and_come_back(own_live: Live, own_camera: Bench) -> None:
    port = quiet_port()
    host = f"127.0.0.1:{port}"
    words = [
        "-m",
        "beamloom",
        "tango",
        "test",
        "--device",
        DEVICE,
        "--url",
        own_live.placement.controller_url,
    ]
    name = f"tango://{host}/{DEVICE}"
    with database(port) as known:
        with process(*words, TANGO_HOST=host):
            device = answering(name)
            assert (
                known.get_device_property(DEVICE, "Controller")["Controller"][0]
                == own_live.placement.controller_url
            )
            wait_until(lambda: "gain" in device.get_attribute_list(), "the parameters", device.status)
            controller = own_live.pid("controller")
            assert controller is not None
            # One that is killed may be there again before anybody looks; one that is held answers nobody.
            os.kill(controller, signal.SIGSTOP)
            in_state(device, "FAULT")
            own_live.kill("controller")
            wait_until(lambda: device.state().name != "FAULT", "the next controller", device.status, PATIENCE)
            device.gain = 4.0
        # Killed; the next one needs nothing but its name.
        with process("-m", "beamloom", "tango", "test", TANGO_HOST=host):
            device = answering(name)
            wait_until(lambda: "gain" in device.get_attribute_list(), "the parameters", device.status)
            assert device.gain == 4.0
            run = device.Live(["camera"])
            own_camera.play("camera", pictures(5))
            wait_until(lambda: device.completedEvents >= 5, "events", device.status)
            device.Stop()
            in_state(device, "CLOSE")
            assert device.run == run
