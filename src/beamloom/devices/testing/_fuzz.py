"""What a broken network or a broken device would send.

Two strengths. ``fuzz_events`` does what the protocol lets a reader tell, to some of the items, and demands that all others arrive in
their own events, also those that changed places with the next (by the router alone: in a pipeline it hangs on the machine whether they
come in time). ``fuzz_source`` does anything at all, and demands that nothing crashes or hangs, and that a whole series is read after it.

A device whose numbers are not protected by a checksum may send a wrong one that looks right. Nobody can tell; a round of ``fuzz_events``
in which that happened by chance (a packet that was damaged came in the place of one that was not) is void, counted, and
made up for; that no other packet is in a wrong event is demanded of it too.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from beamloom.devices.testing._harm import Group, Harm, anything, harm_some
from beamloom.devices.testing._link import QUIET_MS, Arrivals, Link, demand, shown
from beamloom.devices.testing._pipeline import Placed, fingerprint, route, run_pipeline
from beamloom.devices.testing._specimen import Specimen
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.triggermap import open_ended

ROUND = 200
"""Items of one series."""
SHARE = 0.3
"""Share of the items that are harmed."""
EVENTS, ANYTHING = 40, 80
"""Packets of a quick look."""


@dataclass
class FuzzReport:
    """What was done and what came of it."""

    sent: int = 0
    """Packets, or messages of any kind."""
    harms: Counter[Harm] = field(default_factory=Counter)
    arrived: int = 0
    """Packets that were not harmed, or changed places only, and arrived in their events."""
    lost: int = 0
    """Events that got none: their packets were harmed."""
    malformed: int = 0
    void: int = 0
    """Rounds in which a harmed packet looked like another."""


def fuzz_events(specimen: Specimen, packets: int = EVENTS, seed: int = 0) -> FuzzReport:
    """Harm some of ``packets`` items; all others have to arrive in their own events, through the router and a whole pipeline."""
    report = FuzzReport()
    source = random.Random(seed)
    items = max(3, min(packets, ROUND) // specimen.packets_per_item)
    messages = specimen.messages(items)
    head, groups, tail = _apart(specimen, messages, items)
    clean = _clean_places(specimen, messages, items)
    rounds = 0
    while report.sent < packets:
        rounds += 1
        middle, whole, done = harm_some(
            groups, SHARE, sorted(specimen.recognises), specimen.spared_bytes, source
        )
        sent = [*head, *map(specimen.carry, middle), *tail]
        expected = _expected(specimen, clean, whole, items)
        swapped = {index for index, harm in done.items() if harm is Harm.REORDER}
        total = specimen.packets(items)
        with Link(specimen, packets=total) as link:
            link.play(sent)
            arrived = link.read_series()
        placed, counts = route(arrived, total, source)
        in_order = _expected(specimen, clean, whole | swapped, items)
        if _hold(specimen, placed, clean, in_order, done, "the router"):
            with Link(specimen, packets=total, opened=False) as link:
                outcome = run_pipeline(link, total, sent)
            held = _hold(specimen, outcome.seen, clean, expected, done, "the pipeline")
            demand(
                not held or (outcome.reduced == len(outcome.seen) and outcome.failed == 0),
                f"{specimen.device.name}: {outcome.failed} events failed, {outcome.reduced} are reduced, "
                f"{len(outcome.seen)} were seen",
            )
            demand(
                outcome.reduced + outcome.failed + outcome.lost == total,
                f"{specimen.device.name}: of {total} events, {outcome.reduced} are reduced and {outcome.lost} lost",
            )
            report.arrived += len(in_order)
            report.lost += total - len(in_order)
            report.sent += items * specimen.packets_per_item
        else:
            report.void += 1
        report.malformed += counts.malformed
        report.harms.update(done.values())
        demand(
            report.void <= 3 + rounds // 3,
            f"{specimen.device.name}: in {report.void} of {rounds} rounds a harmed packet came in the place of another; "
            "leave out of recognises what the protocol cannot tell, or spare the bytes of the numbers",
        )
    return report


def _apart(
    specimen: Specimen, messages: Sequence[list[bytes]], items: int
) -> tuple[Group, list[Group], Group]:
    size = specimen.messages_per_item
    stop = len(messages) - specimen.tail
    middle = messages[specimen.head : stop]
    demand(
        len(middle) == items * size,
        f"{specimen.device.name}: a series of {items} items has {len(middle)} messages between head and tail, not {items} times {size}",
    )
    groups = [list(middle[at : at + size]) for at in range(0, len(middle), size)]
    return list(messages[: specimen.head]), groups, list(messages[stop:])


def _clean_places(specimen: Specimen, messages: Sequence[list[bytes]], items: int) -> Placed:
    """Where the packets go when nothing happens to them."""
    total = specimen.packets(items)
    with Link(specimen, packets=total) as link:
        link.play(messages)
        arrived = link.read_series()
    placed, _ = route(arrived, total, random.Random(0))
    demand(
        sorted(placed) == list(range(total)),
        f"{specimen.device.name}: undisturbed, {len(placed)} of {total} events get a packet",
    )
    demand(
        len(set(placed.values())) == total,
        f"{specimen.device.name}: two packets of the series are alike; make each item another",
    )
    return placed


def _expected(specimen: Specimen, clean: Placed, whole: set[int], items: int) -> set[int]:
    """The events whose packets have to arrive."""
    harmed = {
        specimen.first_place + index * specimen.packets_per_item + row
        for index in set(range(items)) - whole
        for row in range(specimen.packets_per_item)
    }
    return set(clean) - harmed


def _hold(
    specimen: Specimen, placed: Placed, clean: Placed, expected: set[int], done: dict[int, Harm], by: str
) -> bool:
    """Demand that what was not harmed is where it belongs; False when a harmed packet looked like another."""
    name = specimen.device.name
    known = {mark: event for event, mark in clean.items()}
    did = ", ".join(f"{harm} of item {index}" for index, harm in list(done.items())[:8])
    for event, mark in placed.items():
        true = known.get(mark, event)
        demand(true == event, f"{name}: {by} gave the packet of event {true} to event {event}, after {did}")
    if any(event in expected and mark not in known for event, mark in placed.items()):
        return False
    missing = sorted(expected - set(placed))
    demand(
        not missing,
        f"{name}: {by} gave no packet to the events {missing[:8]}, which nothing was done to; after {did}",
    )
    return True


# ---- anything at all --------------------------------------------------------------------------------------------------------


def fuzz_source(specimen: Specimen, packets: int = ANYTHING, seed: int = 0) -> FuzzReport:
    """Send ``packets`` messages of any kind: reading, routing and parsing survive them, and a run can be ended after them."""
    report = FuzzReport()
    source = random.Random(seed)
    good = specimen.messages(6)
    through_pipeline = False
    while report.sent < packets:
        count = min(ROUND, packets - report.sent)
        wild = [specimen.carry(message) for message in anything(good, count, source)]
        with Link(specimen, opened=False) as link:
            if through_pipeline:
                _run_wild(link, [*wild, *good])
            else:
                link.open()
                link.play([*wild, *good, *good])
                arrived = link.read_all()
                _look_at(specimen, arrived, source)
                report.malformed += sum(isinstance(item, Malformed) for item in arrived)
        through_pipeline = not through_pipeline
        report.sent += count
    return report


def _look_at(specimen: Specimen, arrived: Arrivals, source: random.Random) -> None:
    name = specimen.device.name
    for item in arrived:
        if isinstance(item, Malformed):
            demand(
                len(item.reason.split()) > 2,
                f"{name}: {shown(item)} does not say in a sentence what is wrong",
            )
            continue
        demand(
            item.number is None or (type(item.number) is int and item.number >= 0),
            f"{name}: a packet has the number {item.number!r}; numbers are not negative",
        )
        demand(
            item.kind is not PacketKind.DATA or item.number != 0,
            f"{name}: a DATA packet has the number 0, that of START",
        )
        try:
            item.parse()
        except ValueError:
            # What a source may leave to the parser to find.
            continue
    whole = [item for item in arrived if isinstance(item, Packet)]
    demand(
        not specimen.recovers
        or any(item.kind is PacketKind.END for item in whole[-len(specimen.messages(6)) :]),
        f"{name}: two whole series were sent after all that, and no END packet was read of them",
    )
    route(arrived, 50, source)
    layout = stream_layout(open_ended(["device"]), "device")
    router = StreamRouter("device", layout, Retention(1 << 50))
    router.arrive(arrived)
    router.close(router.complete_until)
    demand(all(fingerprint(packet) for packet in whole), f"{name}: a packet has frames that are no bytes")


def _run_wild(link: Link, messages: Sequence[Sequence[bytes]]) -> None:
    """A run of any messages, stopped when they have been sent; it may end before that."""
    quiet_since: float | None = None

    def all_sent() -> bool:
        nonlocal quiet_since
        if not link.sent():
            return False
        quiet_since = quiet_since or time.monotonic()
        return time.monotonic() - quiet_since > QUIET_MS / 1000

    outcome = run_pipeline(link, 40, messages, all_sent)
    demand(
        set(outcome.seen) <= set(range(40)) and outcome.reduced == len(outcome.seen),
        f"{link.name}: {outcome.reduced} events are reduced, of {len(outcome.seen)} that were seen",
    )
