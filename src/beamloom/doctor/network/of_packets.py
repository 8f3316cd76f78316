"""Checks of the size of packets: large ones cost less, and both ends and all that is between them have to agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from beamloom.doctor.finding import Finding, Gravity
from beamloom.doctor.network.machine import Machine
from beamloom.doctor.network.reaching import Way

JUMBO = 9000
"""Bytes of the largest packet in networks that are made for data."""
FAST = 10e9
"""Bits per second from which on packets of 1500 bytes take much of a core at both ends."""


def swallowed(machine: Machine, ways: Sequence[Way]) -> Iterator[Finding]:
    """Both ends send large packets, and what is between them drops these: small messages pass, and the first large frame hangs."""
    for way in _one_each(ways, lambda way: way.passes is False):
        largest = min(way.sends or 0, way.takes or 0)
        yield Finding(
            "packets-swallowed",
            way.place.host,
            f"packets of {largest} bytes, as both ends send them, do not get from {way.here} to {way.place.host} ({way.there}), and small "
            "ones do",
            f"let the switches between them pass {largest} bytes, or send smaller ones: 'ip link set dev {_interface(machine, way)} mtu "
            "1500' on both",
        )


def smaller_there(machine: Machine, ways: Sequence[Way]) -> Iterator[Finding]:
    """The other end takes smaller packets than this one sends."""
    for way in _one_each(ways, lambda way: (way.takes or 0) < (way.sends or 0)):
        yield Finding(
            "packets-smaller-there",
            way.place.host,
            f"{way.place.host} ({way.there}) takes packets of {way.takes} bytes, and {_interface(machine, way)} of {machine.name} sends "
            f"up to {way.sends}",
            f"give both ends, and the switches between them, the same: 'ip link set dev eth0 mtu {way.sends}' on {way.place.host}, with "
            "its interface in place of eth0",
            gravity=Gravity.WARNING,
        )


def small(machine: Machine, ways: Sequence[Way]) -> Iterator[Finding]:
    """An interface that is fast enough for large packets sends small ones."""
    used = {way.here for way in ways}
    for device in machine.interfaces:
        rate = machine.speeds.get(device.name)
        if rate is not None and rate >= FAST and device.mtu < JUMBO and device.address in used:
            yield Finding(
                "packets-small",
                device.name,
                f"{device.name} of {machine.name} carries {rate / 1e9:g} Gbit/s in packets of {device.mtu} bytes, each of which takes time",
                f"where the switches and the other machines pass it, 'ip link set dev {device.name} mtu {JUMBO}' on all of them",
                gravity=Gravity.NOTE,
            )


def _one_each(ways: Sequence[Way], wrong: Callable[[Way], bool]) -> list[Way]:
    """Of the ways of which this is so, one to each address of another machine."""
    open_ones = [way for way in ways if way.trouble is None and way.leads_out]
    return list({way.there: way for way in open_ones if wrong(way)}.values())


def _interface(machine: Machine, way: Way) -> str:
    found = machine.interface_of(way.here)
    return "the interface" if found is None else found.name
