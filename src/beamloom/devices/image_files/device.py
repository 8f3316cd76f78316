"""A folder of image files: TIFF, CBF, EDF and all others that fabio reads, one image a file, whole or growing.

A packet is a JSON header and the file as it is; it is decoded by whoever asks for ``array``, so that many workers share that work.
Files are numbered by the last number in their names, or by their order; several are read at a time. The folder says neither where a
series begins nor where it ends: START comes before the first file, END when the run has all its files, or nothing has been written for a
while.
"""

from __future__ import annotations

from beamloom.devices.device import Device
from beamloom.devices.file_reading.background import BackgroundSource
from beamloom.devices.image_files.decoding import require_fabio
from beamloom.devices.image_files.packets import parse
from beamloom.devices.image_files.series import Series
from beamloom.devices.image_files.settings import ImageFilesSettings
from beamloom.devices.image_files.simulator import ImageFilesSimulator, generate
from beamloom.events import Bearing


def source(settings: ImageFilesSettings) -> BackgroundSource:
    """The images of a folder. Raises ValueError for an address that cannot be right; its ``open`` raises NeedsFabio."""

    def recount(bearing: Bearing | None) -> Bearing:
        if settings.number == "order" and settings.follow:
            raise ValueError(
                "its files are numbered by their order, in which others may stand now (number: order)"
            )
        if bearing is None and settings.number == "name" and settings.first_number is None:
            raise ValueError("nobody knows which file was the first; give its number in first_number")
        return bearing or {"first": settings.first_number}

    return BackgroundSource(
        settings.url, Series(settings).items, settings.queue_bytes, require_fabio, recount
    )


DEVICE = Device(
    name="images",
    title="folders of TIFF, CBF, EDF and other image files, whole or growing",
    settings=ImageFilesSettings,
    source=source,
    simulator=ImageFilesSimulator,
    generate=generate,
    parse=parse,
    bind=None,
)
