"""Runs of a pipeline are kept in files while they go on and at their end; what goes wrong there is told and harms no run."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import open_map, pictures, pictures_until, uniform_map
from support.patience import PATIENCE

h5py = pytest.importorskip("h5py", reason="needs h5py")

pytestmark = pytest.mark.processes


def status(live: Live) -> dict[str, Any]:
    """What the reducer says of its files."""
    answer = requests.get(f"{live.placement.reducer_url}/api/v1/status", timeout=PATIENCE)
    found: dict[str, Any] = answer.json()["autosave"]
    return found


def events_in(path: Path) -> list[int]:
    with h5py.File(path) as file:
        if "key_0" not in file["entry/gain"]:  # The first version may be of a moment without any result.
            return []
        gains, epochs = file["entry/gain/key_0"][()].tolist(), file["entry/epoch/key_0"][()].tolist()
    assert gains == epochs, "the file holds several versions"
    return sorted(gains)


def read_by_zarr(path: Path) -> dict[str, Any]:
    """What the zarr library finds in a group, in another process."""
    reader = Path(__file__).parents[1] / "results" / "files" / "zarr_reader.py"
    done = subprocess.run(
        [sys.executable, reader, "content", path], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def test_a_run_is_in_a_file_while_it_goes_on_and_whole_at_its_end(camera: Bench, tmp_path: Path) -> None:
    template = str(tmp_path / "{date}" / "{run}.h5")
    settings = {"autosave": template, "autosave_interval": 0.1, "autosave_compression": "gzip"}
    with running(of_camera(camera), settings=settings) as live:
        enough = threading.Event()
        run = live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=200)
        path = Path(wait_until(lambda: status(live)["where"], "the first version", live.state))
        assert path.name == f"{run}.h5"
        first = len(events_in(path))
        wait_until(lambda: len(events_in(path)) > first + 50, "more events in the file", live.state)
        live.set(gain=3)
        changed_at = live.progress()["completed_events"]
        wait_until(lambda: live.completed(changed_at + 100), "events with the new gain", live.state)
        enough.set()
        total = live.finished()["total_events"]
        wait_until(lambda: len(events_in(path)) == total, "the last version", live.state)
        assert events_in(path) == list(range(total))
        assert status(live)["problem"] is None
    with h5py.File(path) as file:
        process = file["entry/beamloom"]
        assert process["complete"][()]
        assert file["entry/entry_identifier"].asstr()[()] == run
        assert file["entry/finished/called"][()] == 1
        coverage = json.loads(process["coverage/data"].asstr()[()])
        assert coverage["run"] == run
        assert coverage["reduced"] == [[0, total - 1]]
        assert coverage["failed"] == coverage["lost"] == []
        assert coverage["over"]
        assert json.loads(process["trigger_map/data"].asstr()[()])
        assert json.loads(process["devices/data"].asstr()[()]) == {"camera": "stins"}
        epochs = {
            int(note["first_event"][()]): json.loads(note["data"].asstr()[()])["gain"]
            for name, note in process.items()
            if name.startswith("parameters_")
        }
        gains = file["entry/gain/value"][()][file["entry/gain/key_0"][()].argsort()].tolist()
    assert epochs == {0: 1, gains.index(3): 3}


def test_a_pipeline_that_is_stopped_keeps_what_its_run_had(camera: Bench, tmp_path: Path) -> None:
    settings = {"autosave": str(tmp_path / "{run}.h5"), "autosave_interval": 3600}
    enough = threading.Event()
    with running(of_camera(camera), settings=settings) as live:
        run = live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=100)
        wait_until(lambda: live.completed(30), "the first events", live.state)
    enough.set()
    assert len(events_in(tmp_path / f"{run}.h5")) >= 30


def test_a_run_goes_on_where_nothing_can_be_kept(camera: Bench, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("this is no folder")
    settings = {"autosave": str(tmp_path / "folder" / "{run}.h5"), "autosave_interval": 0.1}
    with running(of_camera(camera), settings=settings) as live:
        live.arm(uniform_map(["camera"], 52))
        camera.play("camera", pictures(50))
        live.finished()
        assert len(live.published()["gain"]) == 52
        problem = wait_until(lambda: status(live)["problem"], "the alarm", live.state)
        assert "is not kept" in problem
        sentence = "is tried again, and the analysis goes on"
        wait_until(lambda: sentence in json.dumps(live.get("logs")), "the alarm in the log", live.state)


@pytest.mark.long
def test_a_run_is_in_a_group_of_zarr_while_it_goes_on_and_whole_at_its_end(
    camera: Bench, tmp_path: Path
) -> None:
    pytest.importorskip("zarr", reason="needs zarr")
    settings = {"autosave": str(tmp_path / "{run}.zarr"), "autosave_interval": 0.1}
    enough = threading.Event()
    with running(of_camera(camera), settings=settings) as live:
        run = live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=100)
        wait_until(lambda: live.completed(30), "the first events", live.state)
        path = Path(wait_until(lambda: status(live)["where"], "the first version", live.state))
        first = read_by_zarr(path)
        assert not ast.literal_eval(first["entry/beamloom/complete"]["values"])
        assert first["entry/gain/key_0"]["values"] == first["entry/epoch/key_0"]["values"]
        enough.set()
        total = live.finished()["total_events"]
    assert path == tmp_path / f"{run}.zarr"
    last = read_by_zarr(path)
    assert sorted(ast.literal_eval(last["entry/gain/key_0"]["values"])) == list(range(total))
    assert ast.literal_eval(last["entry/beamloom/complete"]["values"])
    assert last["entry"]["attributes"]["NX_class"] == "NXentry"


def test_readers_follow_a_run_in_its_file_which_is_whole_at_the_end(camera: Bench, tmp_path: Path) -> None:
    settings = {"autosave": str(tmp_path / "{run}.h5"), "autosave_interval": 0.1, "autosave_swmr": True}
    enough = threading.Event()
    with running(of_camera(camera), settings=settings) as live:
        live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=100)
        path = Path(wait_until(lambda: status(live)["where"], "the first version", live.state))

        def followed() -> bool:
            """Whether one open file has shown more rows; names that are new lead to another one."""
            with h5py.File(path, "r", swmr=True) as file:
                rows = file["entry/gain/key_0"]
                before = len(rows)

                def grown_or_replaced() -> bool:
                    rows.refresh()
                    return len(rows) > before or path.stat().st_ino != identity

                identity = path.stat().st_ino
                wait_until(grown_or_replaced, "more rows, or another file", live.state)
                return len(rows) > before

        wait_until(followed, "rows that come while the file is open", live.state)
        enough.set()
        total = live.finished()["total_events"]
        wait_until(lambda: status(live)["runs_waiting"] == 0, "the last version", live.state)
        assert status(live)["problem"] is None
    assert events_in(path) == list(range(total))
    with h5py.File(path) as file:
        assert file["entry/beamloom/complete"][()]
        assert "end_time" in file["entry"]
