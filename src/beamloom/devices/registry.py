"""Devices by name: those shipped here, and those that other installed packages bring.

One package whose device cannot be imported takes no other device with it: who asks for that device is told why, who goes through all
passes it over with a warning.
"""

from __future__ import annotations

import functools
import importlib.metadata
import logging
from collections.abc import Iterator

from beamloom.devices.device import Device
from beamloom.errors import UsageError, did_you_mean

logger = logging.getLogger(__name__)

GROUP = "beamloom.devices"
"""The entry point group in which a package names its devices."""


class UnknownDevice(UsageError, LookupError):
    """No installed package brings a device of this name."""


class BrokenDevice(UsageError):
    """An installed package names this device, but it cannot be had."""


def device_names() -> list[str]:
    """The names of all devices that installed packages bring, sorted."""
    return sorted({entry.name for entry in importlib.metadata.entry_points(group=GROUP)})


def installed_devices() -> Iterator[Device]:
    """All devices that installed packages bring, by name; of one that cannot be had a warning says why."""
    for name in device_names():
        try:
            yield find_device(name)
        except BrokenDevice as problem:
            logger.warning("%s", problem)


@functools.cache
def find_device(name: str) -> Device:
    """The device called ``name``. Raises UnknownDevice, and BrokenDevice where its package cannot be imported or names something else."""
    for entry in importlib.metadata.entry_points(group=GROUP, name=name):
        device = _load(entry)
        if not isinstance(device, Device):
            raise BrokenDevice(
                f"the entry point {entry.name} = {entry.value} in the group {GROUP!r} names a {type(device).__name__}; "
                "it has to name a beamloom.devices.device.Device"
            )
        return device
    known = device_names()
    raise UnknownDevice(
        f"there is no device called {name!r}{did_you_mean(name, known)}; installed are {', '.join(known)}. "
        f"A package adds one with an entry point in the group {GROUP!r}."
    )


def _load(entry: importlib.metadata.EntryPoint) -> object:
    try:
        return entry.load()
    # The module is another package's: importing it may raise anything.
    except Exception as error:
        package = f"the package {entry.dist.name!r}" if entry.dist is not None else "its package"
        raise BrokenDevice(
            f"the device {entry.name!r} ({entry.value}) cannot be imported: {type(error).__name__}: {error}; "
            f"mend {package}, or uninstall it"
        ) from error
