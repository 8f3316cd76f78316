"""Devices by name: those shipped here, and those that other installed packages bring."""

from __future__ import annotations

import functools
import importlib.metadata

from beamloom.devices.device import Device
from beamloom.errors import UsageError, did_you_mean

GROUP = "beamloom.devices"
"""The entry point group in which a package names its devices."""


class UnknownDevice(UsageError, LookupError):
    """No installed package brings a device of this name."""


def device_names() -> list[str]:
    """The names of all devices that installed packages bring, sorted."""
    return sorted({entry.name for entry in importlib.metadata.entry_points(group=GROUP)})


@functools.cache
def find_device(name: str) -> Device:
    """The device called ``name``. Raises UnknownDevice, and TypeError when a package's entry point names something else."""
    for entry in importlib.metadata.entry_points(group=GROUP, name=name):
        device = entry.load()
        if not isinstance(device, Device):
            raise TypeError(
                f"the entry point {entry.name} = {entry.value} in the group {GROUP!r} names a {type(device).__name__}; "
                "it has to name a beamloom.devices.device.Device"
            )
        return device
    known = device_names()
    raise UnknownDevice(
        f"there is no device called {name!r}{did_you_mean(name, known)}; installed are {', '.join(known)}. "
        f"A package adds one with an entry point in the group {GROUP!r}."
    )
