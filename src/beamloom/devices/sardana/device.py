"""Sardana, the scan software of many beamlines: its recorder posts JSON over HTTP, and the stream is the server that it posts to.

``/v1/data_desc`` describes a scan that begins, ``/v1/record_data`` is one point of it, ``/v1/record_end`` ends it. A packet is the posted
object with its kind as the first entry: ``"type": "DataDescription" | "RecordData" | "RecordEnd"``. Points are numbered by ``point_nb``,
from 0, where they have it.
"""

from __future__ import annotations

from typing import Final

from beamloom.devices.device import Device
from beamloom.devices.sardana.listening import Listening, SardanaSettings, SardanaSource
from beamloom.devices.sardana.packets import BROKEN_OFF, parse
from beamloom.devices.sardana.posts import take_post
from beamloom.devices.sardana.scans import Listeners
from beamloom.devices.sardana.simulator import SardanaRecorder, generate

LISTENERS: Final = Listeners(take_post, BROKEN_OFF)
"""The listeners of the streams of this process. They outlive the runs, and end with their ingesters or with ``LISTENERS.close()``."""


def source(settings: SardanaSettings) -> SardanaSource:
    """The posts of one run."""
    return SardanaSource(settings, LISTENERS)


def prepare(settings: SardanaSettings) -> Listening:
    """Listen from now on."""
    return Listening(settings, LISTENERS)


DEVICE = Device(
    name="sardana",
    title="the scan software Sardana, HTTP server that its recorder posts to",
    settings=SardanaSettings,
    source=source,
    simulator=SardanaRecorder,
    generate=generate,
    parse=parse,
    prepare=prepare,
    bind="http://127.0.0.1:*",
)
