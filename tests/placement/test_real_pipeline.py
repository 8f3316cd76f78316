"""A pipeline of real services under the supervisor."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import LocalPlacement, PlainScreen, State
from support.patience import PATIENCE

ANALYSIS = """
class Worker:
    def process_event(self, event):
        return event.event_number

class Reducer:
    def process_result(self, result):
        pass
"""

PIPELINE = """
streams:
  detector: {device: stins, url: "tcp://127.0.0.1:1"}
workers: {class: "trivial:Worker", count: 2}
reducer: {class: "trivial:Reducer", http: "127.0.0.1:0"}
debugworker: {http: "127.0.0.1:0"}
controller: {http: "127.0.0.1:0"}
"""


@pytest.mark.processes
def test_services_find_each_other_come_back_after_a_kill_and_end_when_told(tmp_path: Path) -> None:
    (tmp_path / "trivial.py").write_text(ANALYSIS)
    shown = io.StringIO()
    with LocalPlacement(parse_pipeline(PIPELINE, folder=tmp_path), screen=PlainScreen(shown)) as up:
        assert up.wait_ready(40)
        killed = up.kill("worker-1")
        up.wait_until(lambda now: now["worker-1"].pid not in (None, killed), PATIENCE)
        assert up.wait_ready(40)
    assert {status.state for status in up.status()} == {State.ENDED}
    assert "worker-1 was killed by SIGKILL and starts again in 0.2 s" in shown.getvalue()
    assert "did not end within" not in shown.getvalue()
