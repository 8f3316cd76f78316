"""A packet is of the same kind in a replay as live, whatever map there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beamloom.devices import albaem
from beamloom.events import Event, Packet, PacketKind, Result
from beamloom.recordings import Record, RecordingWriter
from beamloom.replay import replay
from beamloom.triggermap import open_ended, uniform

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
