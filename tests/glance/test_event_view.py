"""Events as JSON: everything that a device sent can be looked at, also what its parser cannot read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from beamloom.devices import contrast, dectris_v2, stins
from beamloom.devices.registry import device_names, find_device
from beamloom.events import Event, Malformed, Packet
from beamloom.glance import event_view
from beamloom.glance.event_view import show_event, show_packet
from beamloom.probing.readers import device_reader
from beamloom.results.plain import to_json


def plain(shown: dict[str, Any]) -> Any:
    return json.loads(to_json(shown))


def stins_image(**keywords: Any) -> Packet:
    _, image, _ = stins.generate(frames=1, **keywords)
    return Packet(stins.TYP, image, 1)


def packets_of(name: str) -> Iterator[Packet]:
    """What the reader of a device makes of its generated series."""
    device = find_device(name)
    found = device_reader(device)
    assert found is not None
    items: list[Packet | Malformed] = []
    for message in device.generate():
        found.reader.take([bytes(frame) for frame in message], items)
    for item in items:
        assert isinstance(item, Packet)
        yield item


def test_an_event_is_described_with_its_values_and_thumbnails() -> None:
    image = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    event = Event(7, {"eiger": stins_image(images=[image], compression="bslz4")})
    shown = plain(show_event(event))
    assert shown["event_number"] == 7
    packet = shown["streams"]["eiger"]
    assert (packet["typ"], packet["number"], packet["kind"]) == ("STINS", 1, "data")
    assert packet["parsed"] == "Stream1Data"
    header, blob = packet["frames"]
    assert header["begins"].startswith('{"htype":"image"')
    assert set(blob) == {"bytes"}
    assert packet["values"]["shape"] == [64, 64]
    assert packet["values"]["compression"] == "bslz4"
    (array,) = packet["arrays"].values()
    assert (array["shape"], array["dtype"], array["min"], array["max"]) == ([64, 64], "uint16", 0, 4095)
    assert array["thumbnail"].startswith("data:image/png;base64,")
    assert "problems" not in packet


def test_what_a_parser_cannot_read_is_told_in_its_place() -> None:
    event = Event(1, {"broken": Packet(stins.TYP, [b"{"]), "whole": stins_image()})
    shown = plain(show_event(event))["streams"]
    assert shown["broken"]["problem"].startswith("MalformedPacket: ")
    assert shown["broken"]["frames"] == [{"bytes": 1, "begins": "{"}]
    assert "arrays" not in shown["broken"]
    assert len(shown["whole"]["arrays"]) == 1


def test_a_field_that_cannot_be_unpacked_is_told_beside_the_others() -> None:
    packet = stins_image(compression="bslz4")
    packet.frames[1] = packet.frames[1][:-3]
    shown = plain(show_packet(packet))
    assert shown["values"]["frame"] == 0
    assert shown["problems"]["array"].startswith("MalformedPacket: ")
    assert shown["arrays"] == {}


def test_a_parser_of_a_site_may_raise_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(packet: Packet) -> None:
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr("beamloom.events.find_parser", lambda typ: parse)
    assert show_packet(Packet("ours", [b"x"]))["problem"] == "ZeroDivisionError: no such luck"


def test_each_channel_has_its_picture() -> None:
    _, image, _ = dectris_v2.generate(frames=1, channels=("low", "high"), user_data="hello")
    shown = plain(show_packet(Packet(dectris_v2.TYP, image, 1)))
    assert {"data.low", "data.high"} <= set(shown["arrays"])
    assert shown["values"]["user_data"] == "hello"
    assert shown["values"]["channels"] == ["low", "high"]


def test_values_without_an_array_are_plain() -> None:
    _, point, *_ = contrast.generate(positions=[(1.5, -2.0)])
    shown = plain(show_packet(Packet(contrast.TYP, point)))
    assert shown["values"]["sx"] == 1.5
    assert shown["arrays"]["pseudo.x"] == {"shape": [1], "dtype": "float64", "values": [1.5]}
    assert shown["frames"] == [{"bytes": len(point[0])}]


@pytest.mark.parametrize(
    "value",
    [
        {"deep": {"deep": {"deep": {"deep": {"deep": {"deep": {"deep": 1}}}}}}},
        {(1, 2): {3, 4}, None: b"\x00" * 9},
        "\udcff" * 3,
        "x" * 10_000,
        2**70,
        float("nan"),
        np.array(["a", "b"]),
        np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
        np.datetime64("2026-01-01"),
        [np.zeros(3), object()],
        [1.5] * 1000,
        object(),
    ],
)
def test_whatever_a_parser_returns_becomes_json(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.events.find_parser", lambda typ: lambda packet: {"field": value})
    encoded = to_json(show_packet(Packet("ours", [b"x"])))
    assert "problem" not in json.loads(encoded)
    assert len(encoded) < 20_000


def test_many_numbers_are_shown_as_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    waveform = list(range(event_view.SHOWN_ITEMS + 1))
    monkeypatch.setattr("beamloom.events.find_parser", lambda typ: lambda packet: {"wave": waveform})
    shown = show_packet(Packet("ours", [b"x"]))
    assert shown["values"] == {}
    assert shown["arrays"]["wave"]["shape"] == [len(waveform)]
    assert shown["arrays"]["wave"]["thumbnail"].startswith("data:image/svg+xml")


@pytest.mark.parametrize("name", [name for name in device_names() if device_reader(find_device(name))])
def test_every_device_can_be_looked_at(name: str) -> None:
    for packet in packets_of(name):
        shown = plain(show_packet(packet))
        assert "problem" not in shown
        assert "problems" not in shown
        assert shown["values"] or shown["arrays"]
