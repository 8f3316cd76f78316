"""The conformance kit: with it a site tests its own device file against the contract of ``beamloom.devices.device``.

A ``Specimen`` says what is to be tested: the device, and how a series of it is made. Each of ``CHECKS`` takes a specimen and raises
NotConforming with a sentence; ``fuzz_events`` and ``fuzz_source`` send it what a broken network or a broken device would send;
``expect_capture`` holds it to what a real device has sent. All of it runs over the device's own simulator and transport.

>>> import pytest
>>> from beamloom.devices import stins
>>> from beamloom.devices.testing import CHECKS, Specimen
>>> specimen = Specimen(device=stins.DEVICE, series=lambda items: stins.generate(frames=items))
>>> @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
... def test_my_device_conforms(check):
...     check(specimen)
"""

from __future__ import annotations

from beamloom.devices.testing._captures import expect_capture
from beamloom.devices.testing._contract import (
    check_addresses,
    check_limits,
    check_lives_and_ends,
    check_series,
    check_settings,
    check_unreachable,
)
from beamloom.devices.testing._fuzz import FuzzReport, fuzz_events, fuzz_source
from beamloom.devices.testing._harm import Harm
from beamloom.devices.testing._link import Link, NotConforming
from beamloom.devices.testing._machine import check_any_order_of_calls
from beamloom.devices.testing._parsing import check_parsed_objects, check_parser_with_damaged_packets
from beamloom.devices.testing._specimen import Specimen

CHECKS = (
    check_settings,
    check_addresses,
    check_unreachable,
    check_lives_and_ends,
    check_series,
    check_limits,
    check_any_order_of_calls,
    check_parsed_objects,
    check_parser_with_damaged_packets,
    fuzz_events,
    fuzz_source,
)
"""All checks that need nothing but a specimen, from the simplest to the strictest."""

__all__ = [
    "CHECKS",
    "FuzzReport",
    "Harm",
    "Link",
    "NotConforming",
    "Specimen",
    "check_addresses",
    "check_any_order_of_calls",
    "check_limits",
    "check_lives_and_ends",
    "check_parsed_objects",
    "check_parser_with_damaged_packets",
    "check_series",
    "check_settings",
    "check_unreachable",
    "expect_capture",
    "fuzz_events",
    "fuzz_source",
]
