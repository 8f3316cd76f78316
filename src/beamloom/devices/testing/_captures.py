"""What a real device has sent, held to what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from beamloom.devices.captures import read_capture
from beamloom.devices.device import Device, Simulator
from beamloom.devices.testing._link import Link, demand, shown
from beamloom.devices.testing._specimen import Specimen
from beamloom.events import Malformed, Packet


def expect_capture(
    device: Device,
    path: Path | str,
    *,
    packets: int,
    numbers: Sequence[int | None] | None = None,
    malformed: int = 0,
    settings: Mapping[str, Any] | None = None,
    simulator: Callable[[str], Simulator] | None = None,
    run_packets: int | None = None,
) -> list[Packet]:
    """Play a capture through the device's simulator and source; returns its packets, each of which its parser could read.

    ``packets`` and ``malformed`` are how many there have to be, START and END included, and ``numbers`` those of the packets.
    ``run_packets`` is what the source is told to expect, for devices that close their series by it. Raises NotConforming, and what
    ``read_capture`` raises.
    """
    messages = list(read_capture(path))
    specimen = Specimen(
        device=device, series=lambda items: messages, settings=dict(settings or {}), simulator=simulator
    )
    with Link(specimen, packets=run_packets) as link:
        link.play(messages)
        arrived = link.read_until(
            lambda items: len(items) >= packets + malformed,
            f"{packets} packets and {malformed} unreadable ones of {Path(path).name}",
        )
        arrived += link.read_all()
    found = [item for item in arrived if isinstance(item, Packet)]
    unread = [item for item in arrived if isinstance(item, Malformed)]
    demand(
        (len(found), len(unread)) == (packets, malformed),
        f"{device.name}: {Path(path).name} gave {len(found)} packets, not {packets}, and {len(unread)} that cannot be read, not "
        f"{malformed}: {', '.join(map(shown, unread[:3]))}",
    )
    if numbers is not None:
        came = [packet.number for packet in found]
        demand(
            came == list(numbers), f"{device.name}: the packets have the numbers {came}, not {list(numbers)}"
        )
    for packet in found:
        parsed = packet.parse()
        kind = getattr(type(parsed), "packet_kind", None)
        demand(
            kind is packet.kind,
            f"{device.name}: a {packet.kind.name} packet is parsed to a {type(parsed).__name__}",
        )
    return found
