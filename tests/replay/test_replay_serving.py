"""Results and parameters of a replay over HTTP."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import h5pyd
import pytest
import requests

from beamloom import Event, IntParameter, ParameterSet
from beamloom.replay import Audience, Replay, ReplayReport
from beamloom.transport.http_server import CannotListen
from replay.material import Echo, Gather, write
from support.patience import PATIENCE
from support.ports import quiet_port


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "a.cbors", {"a": range(12)})]


class Visitor(Audience):
    """Does something in the middle of the replay's own thread."""

    def __init__(self, visit: Callable[[str], None]) -> None:
        self.url = ""
        self.settled: list[int] = []
        self.reports: list[ReplayReport] = []
        self._visit = visit

    def serving(self, url: str) -> None:
        self.url = url

    def progress(self, settled: int, total: int) -> None:
        assert settled <= total == 12
        self.settled.append(settled)

    def finished(self, report: ReplayReport) -> None:
        self.reports.append(report)
        self._visit(self.url)


def test_what_a_reader_finds_after_the_end_and_how_it_sets_a_parameter(files: list[Path]) -> None:
    stop = threading.Event()
    found: dict[str, Any] = {}

    def read(url: str) -> None:
        try:
            path = "$.deliveries[*][0]?format=json"
            found["events"] = requests.get(f"{url}/api/v1/result/{path}", timeout=PATIENCE).json()
            found["progress"] = requests.get(f"{url}/api/v1/progress", timeout=PATIENCE).json()
            found["page"] = requests.get(url, headers={"Accept": "text/html"}, timeout=PATIENCE).headers[
                "content-type"
            ]
            with h5pyd.File("/", "r", endpoint=url) as file:
                found["names"] = list(file)
                found["listed"] = {int(row["0"][()]) for row in file["deliveries"].values()}
            found["set"] = requests.post(
                f"{url}/api/v1/parameter/roi", data=b"[1, 2]", timeout=PATIENCE
            ).status_code
            found["roi"] = requests.get(f"{url}/api/v1/parameter/roi", timeout=PATIENCE).content
        finally:
            stop.set()

    readers: list[threading.Thread] = []

    def visit(url: str) -> None:
        readers.append(threading.Thread(target=read, args=[url]))
        readers[0].start()

    visitor = Visitor(visit)
    report = Replay(Echo, Gather, files).run(port=0, keep_alive=True, stop=stop, audience=visitor)
    readers[0].join()

    assert sorted(set(found["events"])) == list(range(12))
    assert "deliveries" in found["names"]
    assert found["listed"] == set(range(12))
    assert found["page"].startswith("text/html")
    assert found["progress"]["finished"]
    assert found["progress"]["reduced"] == 12
    assert (found["set"], found["roi"]) == (200, b"[1, 2]")
    assert visitor.reports == [report]
    assert visitor.settled == sorted(visitor.settled)
    assert visitor.settled[-1] == 12
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{visitor.url}/api/v1/progress", timeout=PATIENCE)


def test_a_port_that_is_taken_is_told_before_anything_is_run(files: list[Path]) -> None:
    with socket.create_server(("127.0.0.1", quiet_port())) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"port {port} of 127.0.0.1 is taken by another process"):
            Replay(Echo, Gather, files).run(port=port)


def test_a_stop_before_the_start_ends_the_wait(files: list[Path]) -> None:
    stop = threading.Event()
    stop.set()
    counts = Replay(Echo, Gather, files).run(start=threading.Event(), stop=stop).counts
    assert counts.reduced + counts.lost == 12


class StopsItself(Echo):
    stop = threading.Event()
    begun: ClassVar[list[int]] = []
    finished = 0

    def process_event(self, event: Event) -> dict[str, bytes]:
        self.begun.append(event.event_number)
        if event.event_number == 600:
            self.stop.set()
        return super().process_event(event)

    def finish(self) -> None:
        type(self).finished += 1


def test_a_stop_in_the_middle_begins_no_further_event_and_each_has_its_state(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.cbors", {"a": range(20_000)})]
    report = Replay(StopsItself, Gather, files).run(stop=StopsItself.stop)
    assert StopsItself.begun[-1] == 600
    assert StopsItself.finished == 2
    assert report.counts.reduced + report.counts.lost == 20_000
    assert 0 < report.counts.reduced <= len(StopsItself.begun)
    assert [cause for cause, _ in report.losses] == ["the replay was interrupted"]


class Threshold(Echo):
    @staticmethod
    def describe_parameters() -> list[IntParameter]:
        return [IntParameter(name="threshold", default=7)]

    def process_event(self, event: Event, parameters: ParameterSet | None = None) -> Any:
        assert parameters is not None
        return {"threshold": parameters["threshold"].value}


def test_parameters_that_are_set_before_the_start_hold_from_the_first_event_on(files: list[Path]) -> None:
    start = threading.Event()
    setters: list[threading.Thread] = []

    class Early(Audience):
        def serving(self, url: str) -> None:
            setters.append(threading.Thread(target=set_parameter, args=[url]))
            setters[0].start()

    def set_parameter(url: str) -> None:
        try:
            assert requests.get(f"{url}/api/v1/parameter/threshold", timeout=PATIENCE).content == b"7"
            described = requests.get(f"{url}/api/v1/parameters", timeout=PATIENCE).json()
            assert "threshold" in json.dumps(described)
            assert (
                requests.post(f"{url}/api/v1/parameter/threshold", data=b"high", timeout=PATIENCE).status_code
                == 400
            )
            requests.post(f"{url}/api/v1/parameter/threshold", data=b"9", timeout=PATIENCE).raise_for_status()
        finally:
            start.set()

    report = Replay(Threshold, Gather, files).run(port=0, start=start, audience=Early())
    setters[0].join()
    assert {payload["threshold"] for _, _, payload in report.publish["deliveries"]} == {9}
