"""A packet is of the same kind in a replay as live, whatever map there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beamloom.devices import albaem, pandabox, xspress3
from beamloom.devices.pandabox.stream import PandaStream
from beamloom.events import Event, Malformed, Packet, PacketKind, Result
from beamloom.recordings import Record, RecordingWriter
from beamloom.recordings.walk import LARGE_FRAME
from beamloom.replay import replay
from beamloom.triggermap import open_ended, uniform
from services.bench import Bench, Feed

RUN = "5f0f3d6c-1c67-4e8c-a9a1-5ad1ce9a0e71"
FRAMES = 4
WHOLE = ["START", *["DATA"] * FRAMES, "END"]


class Kinds:
    """Tells the kind of each packet."""

    def process_event(self, event: Event) -> str:
        return event.streams["i0"].kind.name


class ByEvent:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.publish: dict[str, dict[int, str]] = {"kinds": {}}

    def process_result(self, result: Result) -> None:
        self.publish["kinds"][result.event_number] = result.payload


def recorded(folder: Path, packets: int) -> Path:
    """The first packets of a series of START, four measurements and END, as the ingester of a run writes them."""
    path = folder / f"i0-ingester-{RUN}.cbors"
    with RecordingWriter(path) as writer:
        for number, message in enumerate([*albaem.generate(frames=FRAMES)][:packets]):
            writer.write(Record(number, {"i0": Packet("albaem", message)}))
    return path


@pytest.mark.parametrize("packets", [len(WHOLE), len(WHOLE) - 1], ids=["whole", "stopped"])
@pytest.mark.parametrize("which", ["no map", "open-ended", "uniform"])
def test_what_opens_and_closes_a_series_says_so(which: str, packets: int, tmp_path: Path) -> None:
    if which != "no map":
        scan = open_ended(["i0"]) if which == "open-ended" else uniform(["i0"], packets - 2)
        (tmp_path / f"mapping-{RUN}.json").write_text(json.dumps(scan.to_json()))
    report = replay(Kinds, ByEvent, [recorded(tmp_path, packets)])
    assert report.publish["kinds"][0] == PacketKind.START.name
    found = [report.publish["kinds"][event] for event in range(packets)]
    if which == "uniform":  # the map says which event is the end
        assert found[:-1] == WHOLE[: packets - 1]
    else:
        assert found == WHOLE[:packets]


def test_a_packet_that_the_parser_of_another_package_fails_on_is_of_no_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(packet: Packet) -> object:
        return {b"known": 1}[packet.frames[0]]

    monkeypatch.setattr("beamloom.events.find_parser", lambda typ: parse)
    path = tmp_path / f"i0-ingester-{RUN}.cbors"
    with RecordingWriter(path) as writer:
        for number in range(3):
            writer.write(Record(number, {"i0": Packet("of another package", [b"unknown"])}))
    assert replay(Kinds, ByEvent, [path]).counts.reduced == 3


ARMS = 3
ROWS = 2


class Box(Feed):
    """A device that is armed several times in a run."""

    rearms = True


class AsSeen:
    """Tells the kind and the number of each packet, and what its own parser says that it is."""

    def process_event(self, event: Event) -> str:
        packet = event.streams["panda"]
        # A recording does not say whether what opens the first series had a number.
        return f"{packet.kind.name} {packet.number or 0} {type(packet.parse()).__name__}"


def mesh() -> list[Packet | Malformed]:
    """What a PandaBox sends that is armed for each line."""
    items: list[Packet | Malformed] = []
    stream = PandaStream(packed=False)
    for message in pandabox.generate(rows=ROWS, arms=ARMS):
        stream.feed(message[0], items)
    return items


@pytest.mark.parametrize("wrapped", [True, False])
def test_several_series_of_a_run_are_in_a_replay_what_they_were_live(wrapped: bool, tmp_path: Path) -> None:
    packets = mesh()
    scan = uniform(["panda"], len(packets) - 2 * wrapped, all_wrap=wrapped)
    with Bench({"panda": Box(packets)}, AsSeen, ByEvent) as bench:
        bench.play(scan)
        live = dict(bench.published["kinds"])
    assert [live[event].partition(" ")[0] for event in range(len(packets))] == [
        *("START", "DATA", "DATA", "END") * ARMS
    ]
    (tmp_path / f"mapping-{RUN}.json").write_text(json.dumps(scan.to_json()))
    path = tmp_path / f"panda-ingester-{RUN}.cbors"
    with RecordingWriter(path) as writer:
        for number, packet in enumerate(packets):
            assert isinstance(packet, Packet)
            writer.write(Record(number, {"panda": Packet(packet.typ, packet.frames)}))
    assert replay(AsSeen, ByEvent, [path]).publish["kinds"] == live


@pytest.mark.parametrize("which", ["no map", "uniform"])
def test_large_frames_are_there_when_a_parser_looks_at_them(which: str, tmp_path: Path) -> None:
    spectra = list(xspress3.generate(frames=FRAMES, channels=4, bins=4096))
    assert max(len(frame) for message in spectra for frame in message) >= LARGE_FRAME
    if which == "uniform":
        scan = uniform(["i0"], len(spectra), all_wrap=False)
        (tmp_path / f"mapping-{RUN}.json").write_text(json.dumps(scan.to_json()))
    path = tmp_path / f"i0-ingester-{RUN}.cbors"
    with RecordingWriter(path) as writer:
        for number, message in enumerate(spectra):
            writer.write(Record(number, {"i0": Packet("xspress", message)}))
    kinds = replay(Kinds, ByEvent, [path]).publish["kinds"]
    assert [kinds[event] for event in range(len(spectra))] == WHOLE
