"""The kit finds what is wrong with a device: each of these breaks one promise of one that keeps them all."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from beamloom.devices import stins
from beamloom.devices.captures import write_capture
from beamloom.devices.testing import (
    NotConforming,
    Specimen,
    check_any_order_of_calls,
    check_limits,
    check_lives_and_ends,
    check_parsed_objects,
    check_parser_with_damaged_packets,
    check_series,
    check_settings,
    check_unreachable,
    expect_capture,
    fuzz_events,
    fuzz_source,
)
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

Items = list[Packet | Malformed]


class Altered(ZmqSource):
    """A STINS source whose items pass through ``alter``."""

    def __init__(self, settings: stins.StinsSettings, alter: Callable[[Items], Items]) -> None:
        super().__init__(settings.url, zmq.PULL, 100, stins.StinsReader())
        self._alter = alter

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        return self._alter(list(super().read(limit)))


def broken(alter: Callable[[Items], Items] = lambda items: items, **changes: Any) -> Specimen:
    """STINS with one thing wrong."""
    changes = {"source": lambda settings: Altered(settings, alter), **changes}
    device = dataclasses.replace(stins.DEVICE, **changes)
    return Specimen(device=device, series=lambda items: stins.generate(frames=items, shape=(2, 3)))


def by_arrival() -> Callable[[Items], Items]:
    """Numbers the packets as they come, whatever their own numbers are."""
    came = 0

    def number(items: Items) -> Items:
        nonlocal came
        for item in items:
            if isinstance(item, Packet):
                came = 0 if item.kind is PacketKind.START else came + 1
                item.number = came or None
        return items

    return number


def test_packets_that_are_numbered_as_they_come_shift_when_one_is_missing() -> None:
    device = dataclasses.replace(stins.DEVICE, source=lambda settings: Altered(settings, by_arrival()))
    specimen = Specimen(device=device, series=lambda items: stins.generate(frames=items, shape=(2, 3)))
    check_series(specimen)
    with pytest.raises(
        NotConforming, match=r"stins: the router gave the packet of event \d+ to event \d+, after "
    ):
        fuzz_events(specimen, 200)


def test_a_source_that_swallows_packets_loses_those_that_were_not_harmed() -> None:
    def swallow(items: Items) -> Items:
        return [item for item in items if item.__class__ is not Packet or item.number not in (17, 18)]

    with pytest.raises(NotConforming, match=r"undisturbed, 200 of 202 events get a packet"):
        fuzz_events(broken(swallow), 200)


def test_a_source_that_raises_does_not_pass() -> None:
    def complain(items: Items) -> Items:
        if any(isinstance(item, Malformed) for item in items):
            raise KeyError("htype")
        return items

    check_series(broken(complain))
    for fuzz in (fuzz_events, fuzz_source):
        with pytest.raises(KeyError):
            fuzz(broken(complain), 100)


def test_a_malformed_packet_without_a_sentence_does_not_pass() -> None:
    def mumble(items: Items) -> Items:
        return [Malformed("?", item.frames) if isinstance(item, Malformed) else item for item in items]

    with pytest.raises(NotConforming, match="does not say in a sentence what is wrong"):
        fuzz_source(broken(mumble), 100)


def test_more_than_the_limit_does_not_pass() -> None:
    class Greedy(Altered):
        def read(self, limit: int) -> Sequence[Packet | Malformed]:
            return super().read(1000)

    def check_often() -> None:
        # What has arrived at one read hangs on the machine.
        for _ in range(20):
            check_limits(broken(source=lambda settings: Greedy(settings, lambda items: items)))

    with pytest.raises(NotConforming, match=r"read\(\d+\) gave \d+ items"):
        check_often()


def test_a_read_that_waits_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.devices.testing._link.IMMEDIATE", 0.05)

    def wait(items: Items) -> Items:
        threading.Event().wait(0.06)
        return items

    with pytest.raises(NotConforming, match="it must never wait"):
        check_lives_and_ends(broken(wait))


def test_a_read_that_waits_when_nothing_has_come_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.devices.testing._link.IMMEDIATE", 0.05)

    def wait(items: Items) -> Items:
        if not items:
            threading.Event().wait(0.06)
        return items

    with pytest.raises(NotConforming, match="it must never wait"):
        check_lives_and_ends(broken(wait))


def test_a_read_that_is_delayed_once_passes() -> None:
    delays = iter([1.1])

    def wait(items: Items) -> Items:
        threading.Event().wait(next(delays, 0.0))
        return items

    check_lives_and_ends(broken(wait))
    assert next(delays, None) is None


def test_an_open_that_is_delayed_once_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.devices.testing._contract.IMMEDIATE", 0.5)
    delays = iter([0.6])

    class DelayedOnce(Altered):
        def open(self) -> None:
            time.sleep(next(delays, 0.0))
            super().open()

    check_unreachable(broken(source=lambda settings: DelayedOnce(settings, lambda items: items)))
    assert next(delays, None) is None


def test_a_source_that_claims_to_be_connected_does_not_pass() -> None:
    class Boastful(Altered):
        def connected(self) -> bool:
            return True

    boastful = broken(source=lambda settings: Boastful(settings, lambda items: items))
    with pytest.raises(NotConforming, match=r"connected\(\) is true before open\(\)"):
        check_lives_and_ends(boastful)
    with pytest.raises(NotConforming, match=r"connected\(\) is true though nothing listens"):
        check_unreachable(boastful)


def test_an_open_that_waits_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.devices.testing._contract.IMMEDIATE", 0.05)

    class Slow(Altered):
        def open(self) -> None:
            time.sleep(0.06)
            super().open()

    with pytest.raises(NotConforming, match="open waits for a device that is not there"):
        check_unreachable(broken(source=lambda settings: Slow(settings, lambda items: items)))


@pytest.mark.parametrize(
    ("kind", "number", "sentence"),
    [
        (PacketKind.DATA, 0, "packet 1 of the series has the number 0"),
        (PacketKind.START, 0, "the first START has the number 0"),
        (PacketKind.END, 77, "packet 8 of the series has the number 77"),
    ],
)
def test_wrong_numbers_do_not_pass(kind: PacketKind, number: int, sentence: str) -> None:
    def renumber(items: Items) -> Items:
        for item in items:
            if isinstance(item, Packet) and item.kind is kind:
                item.number = number
        return items

    with pytest.raises(NotConforming, match=sentence):
        check_series(broken(renumber))


def test_items_in_an_order_that_hangs_on_how_they_are_read_do_not_pass() -> None:
    def backwards(items: Items) -> Items:
        return items[::-1] if len(items) > 2 else items

    with pytest.raises(NotConforming, match="other items come"):
        check_any_order_of_calls(broken(backwards), examples=20)


def test_a_parser_that_raises_anything_else_does_not_pass() -> None:
    def parse(packet: Any) -> Any:
        return stins.parse(packet) if packet.frames else packet.frames[0]

    with pytest.raises(NotConforming, match=r"the parser raises IndexError .* has to be a MalformedPacket"):
        check_parser_with_damaged_packets(broken(parse=parse))


def test_objects_that_cannot_be_pickled_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> Any:
        return (stins.Stream1End, ())

    monkeypatch.setattr(stins.Stream1Start, "__reduce__", refuse, raising=False)
    with pytest.raises(NotConforming, match="a Stream1Start that is copied is not the same any more"):
        check_parsed_objects(broken())


def test_settings_that_swallow_misspelt_keys_do_not_pass() -> None:
    class Loose(msgspec.Struct, frozen=True):
        """Settings."""

        url: str

    with pytest.raises(NotConforming, match="forbid_unknown_fields=True"):
        check_settings(broken(settings=Loose))


def test_a_capture_is_held_to_what_is_known_of_it(tmp_path: Path) -> None:
    series = list(stins.generate(frames=3, shape=(2, 2)))
    path = tmp_path / "camera.cbors"
    write_capture(path, [*series[:2], [b"noise"], *series[2:]])
    packets = expect_capture(stins.DEVICE, path, packets=5, numbers=[None, 1, 2, 3, 4], malformed=1)
    assert [packet.kind for packet in packets] == [0, 1, 1, 1, 2]
    with pytest.raises(NotConforming, match=r"gave 5 packets, not 4, and 1 that cannot be read, not 1"):
        expect_capture(stins.DEVICE, path, packets=4, malformed=1)
    with pytest.raises(NotConforming, match=r"the packets have the numbers \[None, 1, 2, 3, 4\]"):
        expect_capture(stins.DEVICE, path, packets=5, numbers=[0, 1, 2, 3, 4], malformed=1)


def test_the_report_says_what_was_done() -> None:
    report = fuzz_events(broken(), 400, seed=5)
    assert report.sent == 400
    assert 80 < sum(report.harms.values()) < 160
    assert len(report.harms) == 5
    assert 200 < report.arrived < report.arrived + report.lost <= 2 * 202
    assert report.malformed > 0
    assert report.void == 0
