"""The network interfaces of this machine, and which address a setting means that names one of them.

A setting may name an interface (``eth1``) or a network (``10.1.0.0/16``) in place of an address, so that the same settings hold on every
machine of a site. IPv4, and Linux: elsewhere there are none to choose from, and addresses are given as such.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from beamloom.errors import UsageError, UserError

ANYWHERE = ("0.0.0.0", "::", "*")
"""Addresses that mean every interface, and that nobody else can reach."""

# The calls of Linux for network devices (netdevice(7)).
ALL_ADDRESSES, NETMASK, MTU = 0x8912, 0x891B, 0x8921
RECORD = 40
"""Bytes of one record of these calls on a machine of 64 bits: a name of 16, then an address or a number."""
MOST_ADDRESSES = 256


class Interface(msgspec.Struct, frozen=True):
    """One address of a network interface."""

    name: str
    """As ``ip link`` shows it."""
    address: str
    network: str
    """The network that it is in, such as ``10.1.0.0/16``."""
    mtu: int
    """Bytes of the largest packet that it sends."""


def interfaces() -> list[Interface]:
    """All that are up and have an IPv4 address, loopback among them."""
    return list(_interfaces()) if sys.platform == "linux" else []


def _interfaces() -> Iterator[Interface]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        room = array.array("B", bytes(RECORD * MOST_ADDRESSES))
        begin, length = room.buffer_info()
        filled = fcntl.ioctl(handle, ALL_ADDRESSES, struct.pack("iL", length, begin))
        records = room.tobytes()[: struct.unpack("iL", filled)[0]]
        for start in range(0, len(records), RECORD):
            record = records[start : start + RECORD]
            # It may have gone meanwhile.
            with contextlib.suppress(OSError):
                name = record[:16].rstrip(b"\0").decode()
                address = socket.inet_ntoa(record[20:24])
                mask = socket.inet_ntoa(fcntl.ioctl(handle, NETMASK, record)[20:24])
                (mtu,) = struct.unpack_from("i", fcntl.ioctl(handle, MTU, record), 16)
                network = str(ipaddress.IPv4Network((address, mask), strict=False))
                yield Interface(name.partition(":")[0], address, network, mtu)


def address_at(where: str) -> str:
    """The address that a setting means: that of an interface, or of the one in a network; names and addresses stay as they are.

    Raises UserError where it is a network that this machine is not in, UsageError where it is none, or has several of its addresses.
    """
    if "/" in where:
        return _in_network(where)
    known = interfaces() if where and not where[0].isdigit() and ":" not in where else []
    found = [one.address for one in known if one.name == where]
    return found[0] if found else where


def _in_network(where: str) -> str:
    try:
        network = ipaddress.IPv4Network(where, strict=False)
    except ValueError as error:
        raise UsageError(
            f"{where!r} is no network ({error}); write one such as 10.1.0.0/16, or the address itself"
        ) from error
    known = interfaces()
    found = [one for one in known if ipaddress.IPv4Address(one.address) in network]
    if len(found) == 1:
        return found[0].address
    if found:
        said = ", ".join(f"{one.address} on {one.name}" for one in found)
        raise UsageError(f"this machine has several addresses in {where}: {said}; give one of them itself")
    said = ", ".join(f"{one.address} on {one.name}" for one in known) or "none that is known"
    # It may get one: whoever runs this process tries again.
    raise UserError(f"this machine has no address in {where}; it has {said}")


def address_towards(url: str) -> str | None:
    """The address of this machine from which ``url`` (``tcp://host:port``) is reached; None where there is no way to it."""
    parts = urlsplit(url)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            # Nothing is sent: the system only looks up the way.
            probe.connect((parts.hostname or "", parts.port or 9))
            return str(probe.getsockname()[0])
    except (OSError, ValueError):
        return None


def leads_away(url: str) -> bool:
    """Whether ``url`` is of another machine, as far as the table of routes says."""
    here = address_towards(url)
    if here is None or here.startswith("127."):
        return False
    try:
        return socket.gethostbyname(urlsplit(url).hostname or "") != here
    except OSError:
        return False
