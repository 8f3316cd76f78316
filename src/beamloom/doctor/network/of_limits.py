"""Checks of how a machine is set up: its networks, the memory of its connections, how many may wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from beamloom.doctor.finding import Finding, Gravity, listed, size, span
from beamloom.doctor.network.machine import Machine
from beamloom.doctor.network.reaching import Way

MEMORY_SHARE = 2
"""A connection may receive half of its memory ahead; the rest is for the system's own accounts (tcp(7), ``tcp_adv_win_scale``)."""
BACKLOG_LEAST = 128


def shared_networks(machine: Machine) -> Iterator[Finding]:
    """Two interfaces are in one network: one of them carries all, and answers come from the address of the other."""
    for network, names in machine.doubled.items():
        yield Finding(
            "interfaces-share-network",
            network,
            f"{listed(list(names))} of {machine.name} are in one network, {network}: the system sends all by one of them, whatever address "
            "a process has",
            "give each a network of its own, join them ('ip link add bond0 type bond'), or take one away: "
            f"'ip link set dev {names[-1]} down'",
            gravity=Gravity.WARNING,
        )


def buffers(machine: Machine, ways: Sequence[Way], bandwidth: float | None) -> Iterator[Finding]:
    """What may be under way is less than what fits into the way: bandwidth times delay (RFC 7323, 1.1)."""
    for device in machine.interfaces:
        rate = bandwidth or machine.speeds.get(device.name)
        timed = [(way.seconds, way.place.host) for way in ways if way.here == device.address and way.seconds]
        if rate is None or not timed:
            continue
        seconds, host = max(timed)
        about = f"{device.name} towards {host}"
        said = f"at {rate / 1e9:g} Gbit/s and {span(seconds)} there and back"
        yield from _too_small(machine, about, said, seconds * rate / 8)


def _too_small(machine: Machine, about: str, said: str, fits: float) -> Iterator[Finding]:
    needed = int(MEMORY_SHARE * fits)
    of_tcp = {
        "net.ipv4.tcp_rmem": (machine.receive_most, f'"4096 131072 {needed}"'),
        "net.ipv4.tcp_wmem": (machine.send_most, f'"4096 65536 {needed}"'),
    }
    of_devices = {
        "net.core.rmem_max": (machine.receive_asked, str(needed)),
        "net.core.wmem_max": (machine.send_asked, str(needed)),
    }
    for check, whose, limits in (
        ("tcp-buffers-small", "connections between processes", of_tcp),
        (
            "socket-buffers-small",
            "sockets that ask for their own memory, as those of some devices",
            of_devices,
        ),
    ):
        low = {name: (value, better) for name, (value, better) in limits.items() if value and value < needed}
        if low:
            ends = " and ".join(f"{name} ends at {size(value)}" for name, (value, _) in low.items())
            commands = " ".join(f"{name}={better}" for name, (_, better) in low.items())
            yield Finding(
                check,
                about,
                f"{size(fits)} are under way at once on {about} ({said}), and {ends}, of which half counts: {whose} do not fill it",
                f"'sysctl -w {commands}', and the same in a file of /etc/sysctl.d, so that it stays",
                gravity=Gravity.WARNING,
            )


def backlog(machine: Machine, ways: Sequence[Way]) -> Iterator[Finding]:
    """More processes connect at once than a port lets wait, or have."""
    wanted = max(len({way.place.process for way in ways}), BACKLOG_LEAST)
    if machine.backlog_most is not None and machine.backlog_most < wanted:
        yield Finding(
            "backlog-short",
            machine.name,
            f"{machine.backlog_most} connections may wait on a port of {machine.name} (net.core.somaxconn), and when a pipeline starts, "
            f"{wanted} may come at once",
            f"'sysctl -w net.core.somaxconn={1 << (wanted - 1).bit_length()}', and the same in a file of /etc/sysctl.d, so that it stays",
            gravity=Gravity.WARNING,
        )
    if machine.overflows:
        yield Finding(
            "backlog-overflowed",
            machine.name,
            f"since {machine.name} was started, {machine.overflows} connections came to a port where too many waited already, and had to "
            "come again",
            "nothing, unless that number grows ('nstat -az TcpExtListenOverflows'); then see which process is too busy to take them",
            gravity=Gravity.NOTE,
        )
