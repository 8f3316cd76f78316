"""Numbers in packets are found by stream and name, whatever their device calls them."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from apps.runs import as_packets
from beamloom import Event, Packet, UserError
from beamloom.apps.values import Packets, number_of
from beamloom.devices import albaem, contrast, pcap

CHANNEL = "tango://127.0.0.1:10000/expchan/diode/1"


@pytest.fixture(scope="module")
def event() -> Event:
    series = {
        "alba": as_packets("albaem", albaem.generate(currents=[[1.5, 2.5, 3.5, 4.5]])),
        "contrast": as_packets("contrast", contrast.generate(positions=[(0.25, -2.0)], panda=True)),
        "pcap": as_packets("PCAP", pcap.generate(columns={"INENC1.VAL.Mean": [7.5]}, rows_per_message=1)),
    }
    record = {"type": "RecordData", "timestamp": 1.7e9, "point_nb": 0, "samx": 18.0, CHANNEL: 36.0}
    streams = {stream: packets[1] for stream, packets in series.items()}
    return Event(1, {**streams, "sardana": Packet("sardana", [json.dumps(record).encode()], 1)})


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("alba.channel2", 2.5),
        ("contrast.sx", 0.25),
        ("contrast.pseudo.y", -2.0),
        ("contrast.pseudo.y.0", -2.0),
        ("pcap.INENC1.VAL.Mean", 7.5),
        ("sardana.samx", 18.0),
        (f"sardana.{CHANNEL}", 36.0),
    ],
)
def test_a_number_is_found_by_the_name_that_its_device_gave_it(
    event: Event, name: str, number: float
) -> None:
    assert number_of(event, name, "i0") == number


def test_an_event_without_the_stream_has_no_number(event: Event) -> None:
    assert number_of(event, "diode.value", "i0") is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "alba.channel9",
            "i0 is alba.channel9, but the packets of the stream alba have no channel9; they have .*channel1",
        ),
        ("contrast.status", "which is str and no number"),
        ("contrast.panda0", "which is dict and no number"),
    ],
)
def test_a_name_that_leads_to_no_number_is_told(event: Event, name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        number_of(event, name, "i0")


def test_a_line_of_numbers_is_not_one_number() -> None:
    message = pickle.dumps({"status": "running", "panda0": {"INENC1.VAL_Mean": np.arange(3.0)}}, protocol=4)
    event = Event(1, {"contrast": Packet("contrast", [message])})
    found = Packets(event).numbers("contrast.panda0.INENC1.VAL_Mean", "x")
    assert found is not None
    assert found.tolist() == [0.0, 1.0, 2.0]
    assert number_of(event, "contrast.panda0.INENC1.VAL_Mean.2", "x") == 2.0
    with pytest.raises(UserError, match="which has 3 numbers; name one of them"):
        number_of(event, "contrast.panda0.INENC1.VAL_Mean", "x")
