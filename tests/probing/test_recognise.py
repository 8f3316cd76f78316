"""Each device is recognised by its messages, and told from those whose messages look alike."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamloom.devices import stins, xspress3
from beamloom.devices.captures import read_capture
from beamloom.devices.registry import find_device
from beamloom.probing.readers import device_readers
from beamloom.probing.recognise import confidence, recognise

OVER_ZEROMQ = [reader.device.name for reader in device_readers()]
AT_ITS_BEGINNING_ONLY = {"bluesky"}
"""Whose messages mean nothing without those at the beginning of the series."""


def series(name: str) -> list[list[bytes]]:
    """What the device's simulator would send, the beginning of it."""
    generated = itertools.islice(find_device(name).generate(), 60)
    return [[bytes(frame) for frame in message] for message in generated]


@pytest.mark.parametrize("name", OVER_ZEROMQ)
def test_a_whole_series_is_recognised(name: str) -> None:
    verdicts = recognise(series(name))
    assert verdicts[0].device.name == name
    assert confidence(verdicts) in ("certain", "likely")


@pytest.mark.parametrize("name", [name for name in OVER_ZEROMQ if name not in AT_ITS_BEGINNING_ONLY])
def test_a_series_is_recognised_without_its_beginning(name: str) -> None:
    assert recognise(series(name)[2:])[0].device.name == name


def test_pixels_tell_what_two_headers_leave_open() -> None:
    best, *others = recognise(list(xspress3.generate(frames=5)))
    assert best.device.name == "xspress3"
    assert [(other.device.name, other.share < 0.7) for other in others] == [("stins", True)]
    assert confidence([best, *others]) == "certain"


def test_who_opens_its_series_itself_is_meant_before_who_would_take_any_image() -> None:
    verdicts = recognise(list(stins.generate(frames=10))[1:-1])
    assert [verdict.device.name for verdict in verdicts][:2] == ["stins", "adzmq"]
    assert verdicts[0].share == verdicts[1].share
    assert confidence(verdicts) == "likely"


def test_the_fields_tell_two_devices_of_one_family_apart(shared_data: Path) -> None:
    for name, device in (("albaem-dump", "albaem"), ("pcap-zmq", "pcap")):
        messages = list(read_capture(shared_data / "captures" / f"{name}.cbors"))
        assert recognise(messages)[0].device.name == device


@settings(max_examples=30)
@given(st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=4), min_size=1, max_size=5))
def test_noise_never_raises_and_is_never_certain(messages: list[list[bytes]]) -> None:
    verdicts = recognise(messages)
    assert not verdicts or confidence(verdicts) != "certain"
