"""What real devices have sent is played to a pipeline of processes, which counts and reads it as those who captured it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from beamloom.devices.captures import read_capture
from beamloom.recordings import RecordingReader
from live.pipelines import Bench, Live, running
from live.series import uniform_map

pytestmark = pytest.mark.processes

DEVICES: Final = ("albaem", "contrast", "dectris_v1", "lecroy", "pcap", "stins", "xspress3")

SUMS: Final = [81, 76, 67, 49, 69, 97, 75, 58, 81, 77, 91, 81, 76, 67, 49, 69, 97, 75, 58, 81]
"""Counts of the first ten bins of the last channel at the 20 points of the scan that xspress3mini-dump20 belongs to."""

PICTURES: Final = [991, 1001, 1041, 1076, 1166, 1268, 1363, 1422, 1481]
"""Counts of the pictures of dump_xrd, 10 by 10 uint16 in little-endian order."""

CAPTURES: Final = [
    ("albaem", "albaem-dump.cbors", 6, {1: -2.8302592615927417e-11}),
    (
        "contrast",
        "contrast-dump.cbors",
        22,
        {1: (-2.004051863, -2.002903037), 20: (1.999828501, 2.001959397)},
    ),
    ("dectris_v1", "eiger-small.cbors", 5, {1 + at: (at, [3108, 3262]) for at in range(3)}),
    ("lecroy", "maui-02-continuous-3.cbor.gz", 4, {2: (1, 0.1675630532008654, 1740563664.335)}),
    ("lecroy", "maui-02-sequential-3.cbor.gz", 4, {2: (20, 0.022609806155742262, 1740736919.435)}),
    ("pcap", "pcap-zmq.cbors", 1502, {row: row for row in range(1, 1501)}),
    ("stins", "dump_xrd.cbors", 11, {1 + at: (at, counts) for at, counts in enumerate(PICTURES)}),
    ("xspress3", "xspress3-dump.cbors", 22, {1: 1, 11: 4, 18: 0, 20: 2}),
    ("xspress3", "xspress3mini-dump20.cbors", 24, {1 + at: counts for at, counts in enumerate(SUMS)}),
    ("xspress3", "xspress3-multipart.cbors", 7, {1: 3, 2: 2, 3: 3, 4: 2, 5: 3}),
]
"""Device, capture, events, and what some of them hold."""


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where each device listens. Over ipc, an address that nobody else takes while no device is there."""
    folder = tmp_path_factory.mktemp("devices")
    return {device: f"ipc://{folder / device}" for device in DEVICES}


@pytest.fixture(scope="module")
def pipeline(addresses: dict[str, str]) -> Iterator[Live]:
    """A pipeline with a stream of each device."""
    streams = {device: {"device": device, "url": url} for device, url in addresses.items()}
    with running(streams, worker="captured:Worker", reducer="captured:Reducer", count=1) as live:
        yield live


def sent(path: Path) -> Sequence[Sequence[bytes]]:
    """The messages of a capture; those of the one that is a recording are what its packets hold."""
    if path.name == "dump_xrd.cbors":
        return [
            [bytes(frame) for frame in packet.frames]
            for record in RecordingReader(path)
            for packet in record.streams.values()
        ]
    return list(read_capture(path))


@pytest.mark.parametrize(
    ("device", "name", "events", "holding"), CAPTURES, ids=[name for _, name, *_ in CAPTURES]
)
def test_a_capture_played_to_a_pipeline_gives_its_events_and_values(
    device: str,
    name: str,
    events: int,
    holding: dict[int, Any],
    pipeline: Live,
    addresses: dict[str, str],
    shared_data: Path,
) -> None:
    with Bench({device: (device, addresses[device])}) as bench:
        pipeline.arm(uniform_map([device], events - 2))
        bench.play(device, sent(shared_data / "captures" / name))
        end = pipeline.finished()
    assert (end["reduced"], end["failed"], end["lost"]) == (events, 0, 0)
    held = pipeline.published()["held"][device]
    kinds = [held[event][0] for event in range(events)]
    assert kinds == ["START", *["DATA"] * (events - 2), "END"]
    assert {event: held[event][1] for event in holding} == holding
