"""What the parser's objects have to be able to, and what the parser may raise."""

from __future__ import annotations

import copy
import pickle
import random
from typing import Any, Final

import numpy as np

from beamloom.devices.testing._harm import anything
from beamloom.devices.testing._link import Link, NotConforming, demand
from beamloom.devices.testing._specimen import Specimen
from beamloom.events import Packet

DAMAGED: Final = 300
"""Packets that the parser is tried with."""


def _packets(specimen: Specimen, items: int) -> list[Packet]:
    with Link(specimen, packets=specimen.packets(items)) as link:
        link.play(specimen.messages(items))
        return [item for item in link.read_series() if isinstance(item, Packet)]


def check_parsed_objects(specimen: Specimen) -> None:
    """Parsed objects can be copied, pickled and printed; parsing leaves the packet as it is and says the same each time."""
    name = specimen.device.name
    for packet in _packets(specimen, 3):
        before = packet.get_bytes()
        parsed = packet.parse()
        what = type(parsed).__name__
        demand(packet.get_bytes() == before, f"{name}: parsing changes the packet")
        demand(
            same(packet.parse(), parsed), f"{name}: parsing the same packet twice gives two different {what}"
        )
        demand(
            same(packet.get_bytes().parse(), parsed),
            f"{name}: a copy of the packet's bytes is parsed to another {what}",
        )
        demand(what in repr(parsed), f"{name}: the repr of {what} does not say what it is")
        for way, copied in (
            ("copied", copy.copy(parsed)),
            ("copied deeply", copy.deepcopy(parsed)),
            ("pickled and read back", pickle.loads(pickle.dumps(parsed))),
        ):
            demand(same(copied, parsed), f"{name}: a {what} that is {way} is not the same any more")


def check_parser_with_damaged_packets(specimen: Specimen, packets: int = DAMAGED, seed: int = 0) -> None:
    """Whatever is in a packet, the parser returns an object or raises ValueError (MalformedPacket is one)."""
    source = random.Random(seed)
    good = _packets(specimen, 4)
    typ = good[0].typ
    frames = [packet.get_bytes().frames for packet in good]
    for distorted in [[], *anything(frames, packets, source)]:
        try:
            specimen.device.parse(Packet(typ, list(distorted)))
        except ValueError:
            continue
        except Exception as error:
            shortened = [frame[:60] for frame in distorted[:4]]
            raise NotConforming(
                f"{specimen.device.name}: the parser raises {type(error).__name__} ({error}) for {shortened}; "
                "it has to be a MalformedPacket, or another ValueError"
            ) from error


def same(first: Any, second: Any) -> bool:
    """Whether two parsed objects say the same, arrays and NaN included."""
    if type(first) is not type(second):
        return False
    if isinstance(first, np.ndarray):
        if first.dtype.hasobject:
            return bool(first.shape == second.shape) and same(first.tolist(), second.tolist())
        return bool(
            first.shape == second.shape
            and first.dtype == second.dtype
            and first.tobytes() == second.tobytes()
        )
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, float):
        return first == second or (first != first and second != second)
    if hasattr(type(first), "packet_kind") and hasattr(first, "__iter__"):
        return same(dict(first), dict(second))
    return bool(first is second or first == second) or repr(first) == repr(second)
