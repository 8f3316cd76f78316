"""Every installed device keeps the contract, and loses nothing but what was harmed on its way.

``BEAMLOOM_DEEP=1`` harms so many more that each device has seen 10,000 fuzzed packets of either kind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from beamloom.devices.registry import device_names
from beamloom.devices.testing import CHECKS, Specimen, fuzz_events, fuzz_source
from devices.specimens import SPECIMENS

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))


KNOWN: Mapping[tuple[str, str], tuple[str, bool]] = {}
"""What is not mended yet: why, and whether it may be tried all the same. A known fault that is gone fails its test."""


def known(name: str, check: Callable[..., object]) -> list[pytest.MarkDecorator]:
    """The mark for what is known to be wrong."""
    reason, may_run = KNOWN.get((name, check.__name__), (None, True))
    return [] if reason is None else [pytest.mark.xfail(reason=reason, run=may_run)]


def pairs(checks: Iterable[Callable[..., object]]) -> list[Any]:
    """Each specimen with each check."""
    return [
        pytest.param(name, check, id=f"{name}-{check.__name__}", marks=known(name, check))
        for name in SPECIMENS
        for check in checks
    ]


def test_every_installed_device_has_a_specimen() -> None:
    assert set(device_names()) <= {specimen.device.name for specimen in SPECIMENS.values()}, (
        "add a Specimen of the new device to tests/devices/specimens.py"
    )


@pytest.mark.parametrize(("name", "check"), pairs(CHECKS))
def test_every_device_conforms(name: str, check: Callable[[Specimen], object]) -> None:
    check(SPECIMENS[name])


@pytest.mark.skipif(not DEEP, reason="the long form: set BEAMLOOM_DEEP=1")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "fuzz"), pairs([fuzz_events, fuzz_source]))
def test_ten_thousand_fuzzed_packets_do_no_more_harm_than_they_must(
    name: str, fuzz: Callable[[Specimen, int, int], object]
) -> None:
    fuzz(SPECIMENS[name], 10_000, 1)
