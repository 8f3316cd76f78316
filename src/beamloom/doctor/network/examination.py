"""All checks of the network, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from beamloom.doctor.finding import Finding, Gravity
from beamloom.doctor.network import of_limits, of_packets, of_places
from beamloom.doctor.network.machine import Machine
from beamloom.doctor.network.reaching import Way


def examine_network(machine: Machine, ways: Sequence[Way], bandwidth: float | None = None) -> list[Finding]:
    """All that is wrong, what is worst first; ``bandwidth``: bits per second that are wanted, where not the speed of each interface."""
    found = [
        *of_places.loopback_told(machine, ways),
        *of_places.unreached(machine, ways),
        *of_places.names_that_lead_home(machine, ways),
        *of_packets.swallowed(machine, ways),
        *of_packets.smaller_there(machine, ways),
        *of_limits.shared_networks(machine),
        *of_limits.buffers(machine, ways, bandwidth),
        *of_limits.backlog(machine, ways),
        *of_packets.small(machine, ways),
    ]
    return sorted(found, key=lambda finding: list(Gravity).index(finding.gravity))
