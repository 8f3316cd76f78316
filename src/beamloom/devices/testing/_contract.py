"""What ``beamloom.devices.device`` promises of every source, checked one promise at a time."""

from __future__ import annotations

import os
import re
import socket
import time
from typing import Any, Final

import msgspec
import zmq

from beamloom.devices.testing._link import IMMEDIATE, SLOW_READS, Arrivals, Link, demand, shown
from beamloom.devices.testing._specimen import Specimen
from beamloom.errors import UserError
from beamloom.events import Packet, PacketKind, find_parser

_OPENINGS: Final = 3
"""How often a source is opened before it is said to wait."""


def check_settings(specimen: Specimen) -> None:
    """The settings have ``url``, cannot be changed, refuse what they do not know, and have defaults for all but ``url``."""
    name, settings = specimen.device.name, specimen.device.settings
    demand("url" in settings.__struct_fields__, f"{name}: the settings have no url")
    config = settings.__struct_config__
    demand(config.frozen, f"{name}: {settings.__name__} must be declared with frozen=True")
    demand(
        config.forbid_unknown_fields,
        f"{name}: {settings.__name__} must be declared with forbid_unknown_fields=True",
    )
    required = [one.name for one in msgspec.structs.fields(settings) if one.required and one.name != "url"]
    demand(set(required) <= set(specimen.settings), f"{name}: the settings {required} have no default")
    msgspec.convert({"url": "tcp://127.0.0.1:1", **specimen.settings}, settings)
    demand(bool(settings.__doc__), f"{name}: {settings.__name__} has no docstring")


def check_addresses(specimen: Specimen) -> None:
    """An address that cannot be right is refused with a sentence, when the source is made or opened."""
    for wrong in ("", "no address", "tcp://", "tcp://host:port", "tcp://127.0.0.1:99999"):
        try:
            source = specimen.source_for(wrong, None)
            try:
                source.open()
            finally:
                source.close()
                specimen.cleanup()
        except (ValueError, UserError) as refusal:
            demand(
                len(str(refusal).split()) > 3,
                f"{specimen.device.name}: {wrong!r} is refused with {str(refusal)!r}, which is no sentence",
            )
        else:
            demand(False, f"{specimen.device.name}: open() does not refuse the address {wrong!r}")


def check_unreachable(specimen: Specimen) -> None:
    """Where nothing listens, ``open`` returns at once, ``connected`` is false, and a sentence says why."""
    if not specimen.connects:
        return
    name = specimen.device.name
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    url = re.sub(r":(0|\*)(?=/|$)", f":{port}", specimen.bind)
    # One that waits always does; a machine with much to do, or the first import of a package, delays one now and then.
    waits = all(_opening_waits(specimen, url) for _ in range(_OPENINGS))
    demand(not waits, f"{name}: open waits for a device that is not there")
    source = specimen.source_for(url, None)
    try:
        source.open()
        demand(not source.connected(), f"{name}: connected() is true though nothing listens")
        problem = source.connection_problem()
        demand(
            problem is not None and len(problem.split()) > 3,
            f"{name}: connection_problem() is {problem!r} though nothing listens; it has to be a sentence",
        )
        demand(not source.read(specimen.least_limit), f"{name}: read gives items though nothing listens")
    finally:
        source.close()
        specimen.cleanup()


def _opening_waits(specimen: Specimen, url: str) -> bool:
    source = specimen.source_for(url, None)
    try:
        begun = time.monotonic()
        source.open()
        return time.monotonic() - begun >= IMMEDIATE
    finally:
        source.close()
        specimen.cleanup()


def check_lives_and_ends(specimen: Specimen) -> None:
    """A source says truly whether it is connected, can be polled, reads nothing from nothing, and closes at once and twice."""
    name = specimen.device.name
    with Link(specimen, packets=specimen.packets(2), opened=False) as link:
        source = link.source
        demand(not source.connected(), f"{name}: connected() is true before open()")
        link.open()
        problem = source.connection_problem()
        demand(problem is None, f"{name}: connected, and yet connection_problem() says {problem!r}")
        nothing = all(link.read() == [] for _ in range(SLOW_READS))
        demand(nothing, f"{name}: read gives items before the device has sent anything")
        demand(
            _can_be_polled(source.pollable),
            f"{name}: pollable is neither a ZeroMQ socket nor an open descriptor",
        )
        link.play(specimen.messages(2))
        demand(link.poll(10_000), f"{name}: pollable does not become readable when the device sends")
        link.read_series()
        begun = time.monotonic()
        source.close()
        source.close()
        demand(time.monotonic() - begun < IMMEDIATE, f"{name}: close waits")
        demand(not source.connected(), f"{name}: connected() is true after close()")
        problem = source.connection_problem()
        demand(
            bool(problem),
            f"{name}: connection_problem() is {problem!r} after close(); it has to be a sentence",
        )


def _can_be_polled(pollable: Any) -> bool:
    if isinstance(pollable, zmq.Socket):
        return True
    if not isinstance(pollable, int):
        return False
    try:
        os.fstat(pollable)
    except OSError:
        return False
    return True


def check_series(specimen: Specimen) -> None:
    """A series is START, DATA for each item, END, numbered as the contract says, of a type whose parser is the device's."""
    items = 7
    with Link(specimen, packets=specimen.packets(items)) as link:
        link.play(specimen.messages(items))
        arrived = link.read_series()
    check_whole_series(specimen, items, arrived)


def check_whole_series(specimen: Specimen, items: int, arrived: Arrivals) -> list[Packet]:
    """What was read of a series that nothing was done to; returns its packets."""
    name = specimen.device.name
    packets = [item for item in arrived if isinstance(item, Packet)]
    wrong = [shown(item) for item in arrived if not isinstance(item, Packet)]
    demand(not wrong, f"{name}: of a whole series could not be read: {', '.join(wrong[:3])}")
    expected = specimen.packets(items)
    demand(
        len(packets) == expected,
        f"{name}: a series of {items} items gave {len(packets)} packets, not {expected}; do head, tail, messages_per_item and "
        "packets_per_item of the specimen say how it is made?",
    )
    kinds = [packet.kind for packet in packets]
    demand(
        kinds == [PacketKind.START, *[PacketKind.DATA] * (expected - 2), PacketKind.END],
        f"{name}: the kinds are {[kind.name for kind in kinds]}; they have to be START, DATA ..., END",
    )
    demand(
        packets[0].number is None, f"{name}: the first START has the number {packets[0].number}; it has none"
    )
    for place, packet in enumerate(packets[1:], start=1):
        demand(
            packet.number in (None, place),
            f"{name}: packet {place} of the series has the number {packet.number}; START is 0, so it is {place} or None",
        )
    for packet in packets:
        demand(bool(packet.frames), f"{name}: a packet has no frames")
        demand(
            find_parser(packet.typ) is specimen.device.parse,
            f"{name}: the parser installed for packets of type {packet.typ!r} is not that of the device",
        )
        parsed = packet.parse()
        kind = getattr(type(parsed), "packet_kind", None)
        demand(
            kind is packet.kind,
            f"{name}: a {packet.kind.name} packet is parsed to a {type(parsed).__name__}, whose packet_kind is {kind}",
        )
    return packets


def check_limits(specimen: Specimen) -> None:
    """However few items are asked for at once, no more are given, and all come in the same order."""
    items = 11
    with Link(specimen, packets=specimen.packets(items)) as link:
        link.play(specimen.messages(items))
        expected = link.read_series()
    for limit in (specimen.least_limit, specimen.least_limit + 1, specimen.least_limit + 5):
        with Link(specimen, packets=specimen.packets(items)) as link:
            link.play(specimen.messages(items))
            arrived = link.read_series(limit)
        demand(
            list(map(shown, arrived)) == list(map(shown, expected)),
            f"{specimen.device.name}: read in portions of {limit}, other items come than read all at once",
        )
