"""The way from this machine to each place: whether somebody answers, how soon, and which packets get through.

A connection is made and closed without a word. TCP itself tells what the other end takes in one packet (RFC 9293, 3.7.1). Whether packets
of that size pass what lies between is tried with datagrams to the same port, where nobody listens: the other machine's "port unreachable"
(RFC 1122, 4.1.3.1) shows that one has arrived whole. A firewall that swallows small ones, too, leaves that open.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

import msgspec

from beamloom.doctor.network.places import Place
from beamloom.transport.interfaces import ANYWHERE

CONNECT_SECONDS = 3.0
ECHO_SECONDS = 0.5
ECHOES = 3
AT_ONCE = 32
IP_HEADER, TCP_HEADER, TIMESTAMPS, UDP_HEADER = 20, 20, 12, 8
SMALL = 64

# Of Linux, and not in the module socket of every Python.
IP_MTU_DISCOVER, DONT_FRAGMENT_AND_DONT_ASK = 10, 3


class Trouble(StrEnum):
    """Why a place is not reached."""

    REFUSED = "refused"
    """Its machine answers, and nobody listens there; or a firewall says so."""
    SILENT = "silent"
    """Nothing comes back."""
    UNKNOWN = "unknown"
    """Its name means nothing here."""
    NO_WAY = "no way"
    """This machine knows no route, or the last one before it does not find it."""
    MEANINGLESS = "meaningless"
    """No address that anybody could reach."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """The way to one place."""

    place: Place
    trouble: Trouble | None = None
    there: str = ""
    """The address in figures that its name means here."""
    here: str = ""
    """The address of this machine on that way."""
    seconds: float | None = None
    """There and back."""
    sends: int | None = None
    """Bytes of the largest packet that this machine sends on that way."""
    takes: int | None = None
    """Bytes of the largest packet that the other end takes."""
    passes: bool | None = None
    """Whether packets of that size get there; None where that cannot be seen."""

    @property
    def leads_out(self) -> bool:
        """Whether it leads to another machine: the way to an address of one's own is loopback, which has no packets as others have them."""
        return self.there != self.here and not self.there.startswith("127.") and self.there != "::1"


def ways_to(places: Iterable[Place]) -> list[Way]:
    """The ways to all, in their order; takes some seconds where some do not answer."""
    with ThreadPoolExecutor(AT_ONCE, "way") as pool:
        ways = list(pool.map(_way_to, places))
        # Sizes are tried once for each machine: what they answer with is rationed by their systems.
        first = {way.there: way for way in reversed(ways) if way.trouble is None and way.leads_out}
        passed = dict(zip(first, pool.map(_passes, first.values()), strict=True))
    return [msgspec.structs.replace(way, passes=passed.get(way.there)) for way in ways]


def _way_to(place: Place) -> Way:
    if place.name in ANYWHERE or not place.name or not place.port:
        return Way(place=place, trouble=Trouble.MEANINGLESS)
    try:
        family, _, _, _, address = socket.getaddrinfo(place.name, place.port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        return Way(place=place, trouble=Trouble.UNKNOWN)
    there = str(address[0])
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_SECONDS)
        try:
            connection.connect(address)
        except OSError as error:
            return Way(place=place, trouble=_trouble(error), there=there)
        way = Way(place=place, there=there, here=str(connection.getsockname()[0]))
        return _measured(connection, way) if way.leads_out else way


def _trouble(error: OSError) -> Trouble:
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return Trouble.NO_WAY
    return Trouble.REFUSED if isinstance(error, ConnectionRefusedError) else Trouble.SILENT


def _measured(connection: socket.socket, way: Way) -> Way:
    """With what the system knows of a connection: the first fields of ``struct tcp_info`` (linux/tcp.h)."""
    if not hasattr(socket, "TCP_INFO"):
        return way
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    if len(told) < 72:
        return way
    (segment,) = struct.unpack_from("=I", told, 16)
    sends, _, microseconds = struct.unpack_from("=III", told, 60)
    headers = IP_HEADER + TCP_HEADER + (TIMESTAMPS if told[5] & 1 else 0)
    return msgspec.structs.replace(way, seconds=microseconds * 1e-6, sends=sends, takes=segment + headers)


def _passes(way: Way) -> bool | None:
    """Whether a datagram of the largest size that both ends take gets there."""
    if way.sends is None or way.takes is None or ":" in way.there:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, DONT_FRAGMENT_AND_DONT_ASK)
        probe.settimeout(ECHO_SECONDS)
        probe.connect((way.there, way.place.port))
        if not _comes_back(probe, SMALL):
            return None
        return _comes_back(probe, min(way.sends, way.takes) - IP_HEADER - UDP_HEADER)


def _comes_back(probe: socket.socket, size: int) -> bool:
    for _ in range(ECHOES):
        with contextlib.suppress(TimeoutError):
            try:
                probe.send(bytes(size))
                probe.recv(1)
            except ConnectionRefusedError:
                return True
            except OSError as error:
                if isinstance(error, TimeoutError):
                    raise
                return False
    return False
