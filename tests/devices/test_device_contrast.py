"""contrast: what the packets are, and what an analysis sees of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.devices.contrast import (
    DEVICE,
    ContrastFinished,
    ContrastHeartbeat,
    ContrastReader,
    ContrastRunning,
    ContrastStarted,
    generate,
    mesh,
    parse,
)
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.testing import Link
from beamloom.events import Event, Malformed, Packet, PacketKind
from beamloom.triggermap import uniform
from devices.one_run import run_through
from devices.reading import taken
from devices.specimens import SPECIMENS
from support.patience import PATIENCE


def read(messages: list[list[bytes]]) -> list[Packet | Malformed]:
    return taken(ContrastReader(), messages)


def test_the_captured_scan_gives_its_22_packets_over_the_socket(
    link: Callable[..., Any], capture: Callable[[str], list[list[bytes]]]
) -> None:
    items = link(DEVICE).send(capture("contrast-dump.cbors"), 22)
    assert [item.kind for item in items] == [PacketKind.START, *[PacketKind.DATA] * 20, PacketKind.END]
    assert all(item.number is None for item in items)
    started, *points, finished = (item.parse() for item in items)
    assert isinstance(started, ContrastStarted)
    assert started.scannr == 2
    assert len(started.snapshot) == 92
    assert all(isinstance(point, ContrastRunning) and point.status == "running" for point in points)
    positions = [(point.pseudo["x"][0], point.pseudo["y"][0]) for point in points]
    assert positions[0] == pytest.approx((-2.004051863, -2.002903037), abs=1e-9)
    assert positions[-1] == pytest.approx((1.999828501, 2.001959397), abs=1e-9)
    assert len(set(positions)) == 20
    assert points[0].xspress3["type"] == "Link"
    assert points[0].panda0["PCAP.TS_TRIG_Value"].shape == (1,)
    assert isinstance(finished, ContrastFinished)
    assert finished.description == "mesh sx -2 2 3 sy -2 2 4 0.1"


def test_heartbeats_are_no_packets_but_can_be_parsed() -> None:
    frame = pickle.dumps({"status": "heartbeat"}, 2)
    assert read([[frame]]) == []
    assert isinstance(parse(Packet("contrast", [frame])), ContrastHeartbeat)


def test_an_interrupted_scan_has_an_end() -> None:
    items = read(list(generate(positions=[(0, 0)], interrupted=True)))
    end = items[-1]
    assert isinstance(end, Packet)
    assert end.kind is PacketKind.END
    assert end.parse().status == "interrupted"


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_generated_scan_reads_like_a_captured_one(protocol: int) -> None:
    points = mesh([0.0, 1.0], [10.0, 11.0, 12.0])
    sent = list(
        generate(positions=points, panda=True, heartbeats=2, snapshot={"x": 0.5}, scannr=7, protocol=protocol)
    )
    started, *running, finished = (item.parse() for item in read(sent) if isinstance(item, Packet))
    assert (started.scannr, started.snapshot, finished.scannr) == (7, {"x": 0.5}, 7)
    assert [(point.pseudo["x"][0], point.pseudo["y"][0]) for point in running] == points
    assert [(point.sx, point.sy) for point in running] == points
    assert [point.panda0["INENC2.VAL_Mean"][0] for point in running] == [y for _, y in points]
    assert len(sent) - len(running) - 2 == 4  # heartbeats


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        import os

        return os.mkdir, (str(self.path),)


def test_a_point_that_brings_code_takes_its_place_and_runs_nothing(
    link: Callable[..., Any], tmp_path: Path
) -> None:
    sent = list(generate(positions=[(0, 0), (1, 1), (2, 2)]))
    sent[2] = [pickle.dumps({"x": Bomb(tmp_path / "was-here"), "status": "running"}, 2)]
    items = link(DEVICE).send(sent, 5)
    problem = items[2]
    assert isinstance(problem, Malformed)
    assert problem.takes_place
    assert "posix.mkdir" in problem.reason
    assert [bytes(frame) for frame in problem.frames] == sent[2]
    assert not (tmp_path / "was-here").exists()
    with pytest.raises(MalformedPacket, match=r"posix\.mkdir"):
        parse(Packet("contrast", sent[2]))


@pytest.mark.parametrize(
    ("bad", "takes_place", "reason"),
    [
        ([b"garbage"], True, "pickle"),
        ([pickle.dumps({"status": "running"}, 2)[:-3]], True, "pickle"),
        ([pickle.dumps({"status": "heartbeat"}, 2)[:-3]], False, "pickle"),
        ([pickle.dumps({"status": "finished"}, 2)[:-3]], False, "pickle"),
        ([pickle.dumps({"status": "running"}, 2), b"more"], True, "2 frames"),
        ([pickle.dumps({"status": "interrupted?"}, 2)], False, "status 'interrupted"),
        ([pickle.dumps({"status": ["heartbeat"]}, 2)], False, "status"),
        ([pickle.dumps(["heartbeat"], 2)], False, "a list, not a dictionary"),
    ],
)
def test_an_unreadable_message_takes_the_place_of_a_point_unless_it_was_another(
    bad: list[bytes], takes_place: bool, reason: str
) -> None:
    (problem,) = read([bad])
    assert isinstance(problem, Malformed)
    assert problem.takes_place is takes_place
    assert reason in problem.reason


def test_a_field_that_is_not_there_is_missed_with_those_that_are() -> None:
    point = parse(Packet("contrast", [pickle.dumps({"status": "running", "pseudo": {}, "dt": 0.5}, 2)]))
    with pytest.raises(
        AttributeError, match=r"no field 'psuedo' \(did you mean 'pseudo'\?\); it has status, pseudo, dt"
    ):
        _ = point.psuedo


def test_fields_whose_keys_are_no_names_are_refused() -> None:
    with pytest.raises(MalformedPacket, match="no names"):
        parse(Packet("contrast", [pickle.dumps({"status": "running", 3: 4}, 2)]))


def test_parsed_packets_travel_in_pickles_as_they_are() -> None:
    point = parse(Packet("contrast", [pickle.dumps({"status": "running", "x": np.float64(2)}, 2)]))
    assert pickle.loads(pickle.dumps(point)) == point
    assert "x" in point
    assert dict(point) == {"status": "running", "x": 2.0}
    assert repr(point).startswith("ContrastRunning(status='running', x=")


@pytest.mark.parametrize(
    ("sent", "reduced", "surplus", "causes"),
    [
        ([0, 1, 2, 4, 5], "0 1 2 4 5", 0, ["ended early: its series was closed after 6 of 7 packets"]),
        ([0, 1, 2, 2, 3, 4, 5], "0 1 2 2 3 4", 1, []),
    ],
    ids=["a point dropped on the way", "a point sent twice"],
)
def test_points_without_numbers_take_the_places_as_they_come(
    sent: list[int], reduced: str, surplus: int, causes: list[str]
) -> None:
    specimen = SPECIMENS["contrast"]
    start, *points, end = specimen.messages(6)
    with Link(specimen, packets=8, opened=False) as link:

        def play() -> None:
            link.simulator.wait_for_client(PATIENCE)
            link.play([start, *(points[at] for at in sent), end])

        outcome = run_through({"device": lambda: link.source}, uniform(["device"], 6), scanned, play)
    assert outcome.results[0] == "started"
    assert outcome.results[7] == "finished"
    assert " ".join(outcome.results[event] for event in range(1, 7) if event in outcome.results) == reduced
    assert outcome.active.reports.by_stream["device"].counts.surplus == surplus
    found = outcome.active.run.losses_by_cause()
    assert [cause.split("'device' ")[1] for cause, _ in found] == causes


def scanned(event: Event) -> str:
    """Where the motor was sent, or that the event is no point."""
    point = event.streams["device"].parse()
    return f"{point.sx:g}" if point.status == "running" else str(point.status)
