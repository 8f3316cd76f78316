"""What this machine has, and is set to, for its network."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from beamloom.transport.interfaces import Interface, interfaces

Reader = Callable[[str], str | None]
"""The text of a file of ``/proc`` or ``/sys``; None where it cannot be read."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that we are on, at one moment. None is what nobody knows."""

    name: str = ""
    interfaces: tuple[Interface, ...] = ()
    speeds: dict[str, float] = {}
    """Bits per second by interface, where the system says so."""
    doubled: dict[str, tuple[str, ...]] = {}
    """Networks to which several interfaces lead directly, with these."""
    receive_most: int | None = None
    """Bytes that the system lets a TCP connection receive ahead (``tcp_rmem``, the last)."""
    send_most: int | None = None
    """Bytes that it lets one have under way (``tcp_wmem``, the last)."""
    receive_asked: int | None = None
    """Bytes that a socket may ask for to receive (``rmem_max``): those of devices do."""
    send_asked: int | None = None
    backlog_most: int | None = None
    """New connections that may wait on one port (``somaxconn``)."""
    overflows: int | None = None
    """Connections that found too many of them waiting, since the machine was started."""

    def interface_of(self, address: str) -> Interface | None:
        """The one that has this address."""
        return next((one for one in self.interfaces if one.address == address), None)


def this_machine() -> Machine:
    """How it is now."""
    known = interfaces()
    return machine_of(_read, known, socket.gethostname())


def machine_of(read: Reader, known: list[Interface], name: str) -> Machine:
    """The same, of what ``read`` gives."""
    speeds = {one.name: _speed(read(f"/sys/class/net/{one.name}/speed")) for one in known}
    return Machine(
        name=name,
        interfaces=tuple(known),
        speeds={name: speed for name, speed in speeds.items() if speed is not None},
        doubled=_doubled(read("/proc/net/route") or ""),
        receive_most=_last_number(read("/proc/sys/net/ipv4/tcp_rmem")),
        send_most=_last_number(read("/proc/sys/net/ipv4/tcp_wmem")),
        receive_asked=_last_number(read("/proc/sys/net/core/rmem_max")),
        send_asked=_last_number(read("/proc/sys/net/core/wmem_max")),
        backlog_most=_last_number(read("/proc/sys/net/core/somaxconn")),
        overflows=_counter(read("/proc/net/netstat") or "", "TcpExt", "ListenOverflows"),
    )


def _read(path: str) -> str | None:
    # /sys has no speed for an interface without a cable, and says so by an error.
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return Path(path).read_text()
    return None


def _last_number(text: str | None) -> int | None:
    words = (text or "").split()
    return int(words[-1]) if words and words[-1].isdecimal() else None


def _speed(text: str | None) -> float | None:
    """In ``/sys`` it is in Mbit/s; -1 or 0 where there is no cable."""
    with contextlib.suppress(ValueError):
        megabits = int((text or "").strip())
        return megabits * 1e6 if megabits > 0 else None
    return None


def _doubled(routes: str) -> dict[str, tuple[str, ...]]:
    """Networks that several interfaces are in, by the table of routes: figures are in hexadecimal, the first byte last."""
    found: dict[str, list[str]] = {}
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or int(fields[2], 16) != 0 or int(fields[7], 16) == 0:
            continue
        network, mask = (bytes.fromhex(fields[at])[::-1] for at in (1, 7))
        named = f"{socket.inet_ntoa(network)}/{int.from_bytes(mask, 'big').bit_count()}"
        found.setdefault(named, []).append(fields[0])
    return {network: tuple(names) for network, names in found.items() if len(set(names)) > 1}


def _counter(text: str, group: str, name: str) -> int | None:
    """A figure of ``/proc/net/netstat``: a line of names, then a line of numbers."""
    lines = [line.split() for line in text.splitlines() if line.startswith(f"{group}:")]
    for names, numbers in zip(lines[::2], lines[1::2], strict=False):
        with contextlib.suppress(ValueError, IndexError):
            return int(numbers[names.index(name)])
    return None
