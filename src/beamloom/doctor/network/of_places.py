"""Checks of where processes say that they are: whether that means anything, and whether it is reached from here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from beamloom.doctor.finding import Finding, listed
from beamloom.doctor.network.machine import Machine
from beamloom.doctor.network.places import Place
from beamloom.doctor.network.reaching import Trouble, Way
from beamloom.transport.interfaces import ANYWHERE

UNREACHED = {
    Trouble.REFUSED: (
        "nobody listens at {url}, where {names} on {host} should be reached",
        "see on {host} whether that process still runs and has this address ('ss -ltn'); where it has another one, start it with "
        "--advertise and the address that others reach",
    ),
    Trouble.SILENT: (
        "nothing comes back from {url}, where {names} on {host} should be reached",
        "let the port through the firewall of {host}: 'firewall-cmd --add-port={port}/tcp' or 'ufw allow {to_ufw}/tcp'; so that ports do "
        "not change, give the processes 'ports', such as 10600-10699",
    ),
    Trouble.UNKNOWN: (
        "the name {name}, under which {names} on {host} should be reached, is not known on {here}",
        "start {names} with --advertise and an address in figures, or give {here} the name (DNS, /etc/hosts)",
    ),
    Trouble.NO_WAY: (
        "there is no way from {here} to {url}, where {names} on {host} should be reached",
        "see 'ip route get {name}' on {here}; where {host} is in several networks, start its processes with --advertise and its address "
        "in one that the others are in, too, or that network itself, such as 10.1.0.0/16",
    ),
    Trouble.MEANINGLESS: (
        "{url}, where {names} on {host} should be reached, is no address",
        "start {names} with --advertise and an address, such as 10.1.0.7",
    ),
}
"""What is said and what is to be done."""


def loopback_told(machine: Machine, ways: Sequence[Way]) -> Iterator[Finding]:
    """A process says that it is on loopback, or anywhere, and not all processes are on one machine."""
    places = [way.place for way in ways]
    if len({place.host for place in places} | {machine.name}) == 1:
        return
    for host, there in _by_host(place for place in places if _means_itself(place)):
        several = len({place.process for place in there}) > 1
        yield Finding(
            "loopback-advertised",
            host,
            f"{_names(there)} on {host} {'say' if several else 'says'} to be reached at {there[0].url}, which is another place on each "
            "machine",
            f"start {'them' if several else 'it'} with --bind and an address, interface or network of {host} that the others reach, such "
            "as --bind eth0 (and --keys or --mailbox-open); what serves HTTP takes --http-host as well",
        )


def unreached(machine: Machine, ways: Sequence[Way]) -> Iterator[Finding]:
    """Nobody answers where a process says that it is."""
    for trouble, (what, do) in UNREACHED.items():
        wrong = [way.place for way in ways if way.trouble is trouble and not _means_itself(way.place)]
        for host, there in _by_host(wrong):
            words = {
                "names": _names(there),
                "host": host or "its machine",
                "url": there[0].url,
                "name": there[0].name,
                "port": _span_of(there, "-"),
                "to_ufw": _span_of(there, ":"),
                "here": machine.name,
            }
            check = f"place-{trouble.replace(' ', '-')}"
            yield Finding(check, host, what.format(**words), do.format(**words))


def names_that_lead_home(machine: Machine, ways: Sequence[Way]) -> Iterator[Finding]:
    """The name of another machine means this one: some systems have their own name at 127.0.1.1, and images of them are copied."""
    wrong = [
        way
        for way in ways
        if way.place.host != machine.name and not _means_itself(way.place) and way.there.startswith("127.")
    ]
    for host, there in _by_host(way.place for way in wrong):
        name, here = there[0].name, machine.name
        address = next(way.there for way in wrong if way.place is there[0])
        yield Finding(
            "name-leads-home",
            host,
            f"the name {name}, under which {_names(there)} on {host} should be reached, means {address} on {here}: that is {here} itself",
            f"correct the line of {name} in /etc/hosts of {here}, or start {_names(there)} with --advertise and an address in figures",
        )


def _means_itself(place: Place) -> bool:
    return place.name in ANYWHERE or place.name.startswith(("localhost", "127.", "::1"))


def _by_host(places: Iterable[Place]) -> list[tuple[str, list[Place]]]:
    found: dict[str, list[Place]] = {}
    for place in places:
        found.setdefault(place.host, []).append(place)
    return list(found.items())


def _names(places: Sequence[Place]) -> str:
    return listed(list(dict.fromkeys(place.process for place in places)))


def _span_of(places: Sequence[Place], dash: str) -> str:
    """The ports of all, from the first to the last."""
    ports = [place.port for place in places]
    return f"{min(ports)}{dash}{max(ports)}" if len(set(ports)) > 1 else str(ports[0])
