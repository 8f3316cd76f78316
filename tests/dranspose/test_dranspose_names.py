"""The names that existing analyses import."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import numpy as np
import pytest

import beamloom.events
from beamloom.events import PacketKind
from beamloom.parameters import ParameterSet
from dranspose.data.contrast import ContrastFinished, ContrastRunning, ContrastStarted
from dranspose.data.stream1 import Stream1Data, Stream1End, Stream1Start
from dranspose.data.xspress3 import XspressEnd, XspressImage, XspressStart
from dranspose.event import EventData, InternalWorkerMessage, ResultData, StreamData
from dranspose.middlewares import contrast, stream1, xspress
from dranspose.parameters import IntParameter, ParameterBase, ParameterType, StrParameter
from dranspose.protocol import (
    EventNumber,
    ParameterName,
    Parameters,
    ReducerState,
    StreamName,
    VirtualConstraint,
    VirtualWorker,
    WorkerState,
    WorkerTag,
    WorkParameter,
)


def test_events_packets_and_results_are_those_of_beamloom() -> None:
    packet = StreamData(typ="STINS", frames=[b"{}", memoryview(b"12")])
    assert packet.length == 2
    assert packet.get_bytes().frames == [b"{}", b"12"]
    event = EventData(event_number=EventNumber(3), streams={StreamName("eiger"): packet})
    assert isinstance(event, beamloom.events.Event)
    result = ResultData(event_number=3, worker="w1", parameters_hash="h", payload={"a": 1})
    assert isinstance(result, beamloom.events.Result)


def test_a_message_of_a_source_has_a_time_and_all_frames() -> None:
    message = InternalWorkerMessage(
        event_number=EventNumber(0),
        streams={"a": StreamData(typ="x", frames=[b"1", b"2"]), "b": StreamData(typ="x", frames=[b"3"])},
    )
    assert message.created_at.tzinfo is UTC
    assert message.get_all_frames() == [b"1", b"2", b"3"]
    assert InternalWorkerMessage(event_number=1).streams == {}


def test_annotations_and_values_of_existing_payloads_work() -> None:
    def describe() -> list[ParameterType]:
        return [StrParameter(name=ParameterName("filename"), default="")]

    assert all(isinstance(parameter, ParameterBase) for parameter in describe())
    work = WorkParameter(name=ParameterName("roi1"), data=b"[10, 20]")
    parameters: Parameters = {ParameterName("roi1"): work}
    assert json.loads(parameters[ParameterName("roi1")].data) == [10, 20]
    assert {
        name: value.value for name, value in ParameterSet({"n": b"3"}, [IntParameter(name="n")]).items()
    } == {"n": 3}
    assert VirtualWorker(constraint=VirtualConstraint(3)).tags == (WorkerTag("generic"),)
    assert WorkerState(name="w1").mapreduce_version is None
    assert ReducerState(version="1.0").dranspose_version == "1.0"


def test_a_source_made_of_stream1_objects_is_read_by_the_parser() -> None:
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    start = Stream1Start(htype="header", filename="a.h5", msg_number=0).model_dump_json().encode()
    header = Stream1Data(
        htype="image", msg_number=1, frame=0, shape=image.shape, compression="none", type=str(image.dtype)
    )
    frames = [header.model_dump_json().encode(), image.tobytes()]
    parsed: Any = stream1.parse(StreamData(typ="STINS", frames=[start]))
    assert isinstance(parsed, Stream1Start)
    assert (parsed.filename, parsed.msg_number) == ("a.h5", 0)
    parsed = stream1.parse(StreamData(typ="STINS", frames=frames))
    assert isinstance(parsed, Stream1Data)
    np.testing.assert_array_equal(parsed.data, image)


def stream1_series() -> Iterator[Any]:
    image = np.full((2, 3), 5, np.float32)
    yield Stream1Start(filename="")
    yield Stream1Data(frame=0, shape=image.shape, type="float32", data=image)
    yield Stream1End()


def xspress_series() -> Iterator[Any]:
    spectra = np.arange(8, dtype=np.uint32).reshape(2, 4)
    yield XspressStart(filename="")
    yield XspressImage(frame=0, shape=spectra.shape, type="uint32", data=spectra, meta={})
    yield XspressEnd()


def contrast_series() -> Iterator[Any]:
    yield ContrastStarted(path="./", scannr=0, description="test")
    yield ContrastRunning(dt=0.1, pseudo={"x": np.array([1.5]), "y": np.array([2.5])})
    yield ContrastFinished(path="./", scannr=0, description="test")


@pytest.mark.parametrize(
    ("series", "parse"),
    [
        (stream1_series, stream1.parse),
        (xspress_series, xspress.parse),
        (contrast_series, contrast.parse),
    ],
)
def test_what_makes_a_packet_reads_it_back(series: Any, parse: Any) -> None:
    made = list(series())
    packets = [item.to_stream_data() for item in made]
    assert [packet.kind for packet in packets] == [PacketKind.START, PacketKind.DATA, PacketKind.END]
    for item, packet in zip(made, packets, strict=True):
        back = parse(packet)
        assert type(back) is type(item)
        again = back.to_stream_data()
        assert parse(again).model_dump().keys() == back.model_dump().keys()
    point = parse(packets[1])
    if isinstance(point, ContrastRunning):
        assert (point.pseudo["x"][0], point.status) == (1.5, "running")
    else:
        np.testing.assert_array_equal(point.data, made[1].data)


def test_the_names_bring_no_service_and_no_web_server_with_them() -> None:
    script = (
        "import sys, dranspose.event, dranspose.parameters, dranspose.protocol;"
        "import dranspose.middlewares.contrast, dranspose.data.stream1, dranspose.helpers.incremental;"
        "print([m for m in sys.modules if m.startswith('beamloom.services') or m in ('uvicorn', 'starlette')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_header_of_an_image_holds_no_pixels() -> None:
    image = XspressImage(frame=0, shape=(1, 2), type="uint32", data=np.zeros((1, 2), np.uint32))
    assert json.loads(image.model_dump_json()) == {
        "htype": "image",
        "compression": "none",
        "exptime": 1.0,
        "frame": 0,
        "shape": [1, 2],
        "type": "uint32",
    }
