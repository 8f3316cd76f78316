"""The file of an analysis is changed while a run goes on: real workers with the new text take over at one event."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import Any

import pytest

from beamloom.cli import update
from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import open_map, pictures_until

pytestmark = [pytest.mark.processes, pytest.mark.long]

ANALYSIS = """
from beamloom import Event, PacketKind, Result

class Worker:
    def process_event(self, event: Event) -> int | None:
        return {text} if event.streams["camera"].kind is PacketKind.DATA else None

class Reducer:
    def __init__(self) -> None:
        self.publish = {{"text": {{}}}}

    def process_result(self, result: Result) -> None:
        if result.payload is not None:
            self.publish["text"][result.event_number] = result.payload
"""


def write(folder: Path, text: str) -> None:
    (folder / "editions.py").write_text(ANALYSIS.format(text=text))


def beamloom_update(live: Live, *more: str) -> int:
    parser = argparse.ArgumentParser()
    update.add_arguments(parser)
    return update.run(parser.parse_args(["--url", live.placement.controller_url, *more]))


def workers(live: Live) -> list[str]:
    return sorted(str(one["name"]) for one in live.get("config")["workers"])


def kept(live: Live) -> dict[str, int]:
    """The workers that are kept alive, with how often each was started again."""
    return {status.name: status.restarts for status in live.placement.status() if status.is_worker}


def test_newer_code_takes_over_at_one_event_and_broken_code_does_not(
    camera: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enough = threading.Event()
    write(tmp_path, "1")
    with running(
        of_camera(camera), worker="editions:Worker", reducer="editions:Reducer", analysis=tmp_path
    ) as live:
        run = live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=300)
        wait_until(lambda: live.completed(50), "the first events", live.state)

        write(tmp_path, "this is no Python")
        answer = live.post("update")
        assert answer.status_code == 409
        assert "so the others go on: module 'editions' cannot be imported" in answer.json()["detail"]
        wait_until(
            lambda: workers(live) == ["worker-1", "worker-2"], "the broken ones to be gone", live.state
        )
        before = live.progress()["completed_events"]
        wait_until(lambda: live.completed(before + 50), "the older ones to go on", live.state)

        write(tmp_path, "2222")
        assert beamloom_update(live) == 0
        assert "edition 1 of the analysis has taken over from event" in capsys.readouterr().out
        wait_until(
            lambda: not {"worker-1", "worker-2"} & set(workers(live)), "the older ones to leave", live.state
        )
        editions = live.get("ledger")["editions"]
        first = editions[1]["first_event"]
        wait_until(lambda: live.completed(first + 50), "events of the newer code", live.state)
        enough.set()
        end = live.finished()
        assert (end["failed"], end["lost"], end["redelivered"], end["handed_back"]) == (0, 0, 0, 0)
        text: dict[int, Any] = live.published()["text"]
        last = end["total_events"] - 1
        assert text == {event: 1 if event < first else 2222 for event in range(1, last)}
        told = live.get(f"runs/{run}")["editions"]
        assert [(one["edition"], one["first_event"], one["events"]) for one in told] == [
            (0, 0, f"0-{first - 1}"),
            (1, first, f"{first}-{last}"),
        ]
        assert len({one["digest"] for one in told}) == 2
        assert workers(live) == ["worker-5", "worker-6"]
        wait_until(lambda: kept(live) == {"worker-5": 0, "worker-6": 0}, "the end of the older processes")
