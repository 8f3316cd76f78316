"""A picture of what the processes do, asked for over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from beamloom.cli import main
from beamloom.transport.tracing import Tracer
from control.live import Live
from guard.real import small_pipeline
from services.bench import Doubling
from services.shadow.shadowing import begin_shadow
from support.patience import PATIENCE

CHROME = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "traceEvents": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "ph", "pid", "tid"],
                "properties": {
                    "name": {"type": "string"},
                    "pid": {"type": "integer"},
                    "tid": {"type": "integer"},
                },
                "oneOf": [
                    {
                        "properties": {
                            "ph": {"const": "X"},
                            "ts": {"type": "number", "exclusiveMinimum": 0},
                            "dur": {"type": "number", "minimum": 0},
                            "args": {"type": "object"},
                        },
                        "required": ["ts", "dur"],
                    },
                    {
                        "properties": {
                            "ph": {"const": "M"},
                            "name": {"enum": ["process_name", "process_sort_index", "thread_name"]},
                            "args": {"type": "object", "minProperties": 1},
                        },
                        "required": ["args"],
                    },
                ],
            },
        },
        "displayTimeUnit": {"enum": ["ms", "ns"]},
    },
}
"""Complete events and metadata, as the Trace Event Format has them."""


@pytest.fixture
def live() -> Iterator[Live]:
    with Live() as pipeline:
        yield pipeline


def bars(trace: dict[str, Any]) -> dict[str, set[str]]:
    """The names of the bars of each process."""
    jsonschema.validate(trace, CHROME)
    names = {e["pid"]: e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "process_name"}
    found: dict[str, set[str]] = {name: set() for name in names.values()}
    for event in trace["traceEvents"]:
        if event["ph"] == "X":
            found[names[event["pid"]]].add(event["name"])
    return found


def test_nothing_is_kept_unless_somebody_asks(live: Live) -> None:
    assert "POST to /api/v1/trace" in live.refused(live.get("trace"), 409)
    assert not any(channel.meter.tracer for channel in live.bench.channels.values())


def test_a_trace_has_every_process_and_ends_when_it_is_read(live: Live) -> None:
    assert live.post("trace", params={"spans": 100}).json() == {"processes": 6, "spans": 100}
    found = bars(live.read("trace"))
    assert set(found) == {"controller", "eiger-ingester", "orca-ingester", "worker-1", "worker-2", "reducer"}
    assert live.get("trace").status_code == 409


def test_a_shadow_worker_is_in_the_trace_behind_the_others(live: Live) -> None:
    live.do(partial(begin_shadow, live.bench, Doubling))
    assert live.post("trace", params={"spans": 100}).json()["processes"] == 7
    assert list(bars(live.read("trace")))[-1] == "shadow"


@pytest.mark.parametrize("spans", ["0", "-1", "many", "1000000"])
def test_a_number_of_bars_that_cannot_be_is_refused(live: Live, spans: str) -> None:
    assert "from 1 to 200000" in live.refused(live.post("trace", params={"spans": spans}), 400)


def test_only_the_last_bars_are_kept() -> None:
    tracer = Tracer(3)
    for number in range(10):
        tracer.add("turn", number, number + 0.5)
    assert [begun for _, begun, _, _ in tracer.told()["spans"]] == [7, 8, 9]


@pytest.mark.processes
@pytest.mark.timeout(90)
def test_the_bars_of_real_processes_lie_within_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "trace.json"
    with small_pipeline(tmp_path) as pipeline:
        words = ["trace", "-o", str(output), "--seconds", "1", "--url", pipeline.url]
        status: list[int] = []
        tracing = threading.Thread(target=lambda: status.append(main(words)))
        tracing.start()
        while tracing.is_alive():
            pipeline.run(20)
        tracing.join()
        own = requests.get(f"{pipeline.reducer_url}/metrics", timeout=PATIENCE).text
        others = requests.get(f"{pipeline.url}/metrics", timeout=PATIENCE).text
    assert "beamloom_reducer_process_cpu_seconds " in own
    for name in ("controller", "stream0-ingester", "worker-1", "worker-2", "reducer"):
        assert f'beamloom_process_waiting_seconds{{process="{name}"' in others
    assert status == [0]
    assert "bars in" in capsys.readouterr().out
    trace = json.loads(output.read_text())
    found = bars(trace)
    assert trace["otherData"]["missing"] == []
    assert found["stream0-ingester"] >= {"Orders", "read", "send"}
    assert found["worker-1"] | found["worker-2"] >= {"Packets", "Orders", "process_event"}
    assert found["reducer"] >= {"Results"}
    assert found["controller"] >= {"Reduced", "Progress"}
    times = [(event["ts"], event["dur"]) for event in trace["traceEvents"] if event["ph"] == "X"]
    begun, ended = min(ts for ts, _ in times), max(ts + dur for ts, dur in times)
    assert (ended - begun) / 1e6 < 30
    done = sum(e["args"]["events"] for e in trace["traceEvents"] if e["name"] == "process_event")
    assert done > 0
