"""Running the device server, with a Tango database or without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beamloom.errors import UsageError

SERVER, CLASS = "Beamloom", "Beamloom"
DEVICE = "beamloom/pipeline/1"


@dataclass(frozen=True)
class Place:
    """Where a device is."""

    instance: str
    device: str = DEVICE
    controller: str = ""
    """Kept in the database as the device's property; empty: what the database has."""
    arrays: Sequence[str] = ()
    port: int = 0
    """Without a database: where the server listens, on this machine."""


def register(place: Place) -> None:
    """Have the database know the device. Raises UsageError where there is no database."""
    import tango

    try:
        database = tango.Database()
        info = tango.DbDevInfo()
        info.name, info._class, info.server = place.device, CLASS, f"{SERVER}/{place.instance}"
        database.add_device(info)
        given = {"Controller": [place.controller] if place.controller else [], "Arrays": list(place.arrays)}
        database.put_device_property(place.device, {name: value for name, value in given.items() if value})
    except tango.DevFailed as error:
        raise UsageError(
            f"no Tango database answers ({error.args[0].desc.strip()}); set TANGO_HOST, or give --nodb PORT"
        ) from error


def serve(place: Place) -> None:
    """Run until told to end."""
    from tango.server import run

    from beamloom.control.tango.device import Beamloom

    arguments = [SERVER, place.instance]
    served: type = Beamloom
    if place.port:
        arguments += ["-nodb", "-host", "127.0.0.1", "-port", str(place.port), "-dlist", place.device]
        served = _with_properties(place)
    run((served,), args=arguments)


def _with_properties(place: Place) -> type:
    """The class with properties that no database keeps."""
    from tango.server import device_property

    from beamloom.control.tango.device import Beamloom

    given = {"Arrays": device_property(dtype=(str,), default_value=list(place.arrays))}
    if place.controller:
        given["Controller"] = device_property(dtype=str, default_value=place.controller)
    return type(CLASS, (Beamloom,), given)
