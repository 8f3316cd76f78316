"""areaDetector over EPICS PV Access: the images of a process variable of the type NTNDArray, as NDPluginPva serves them.

A packet is two frames: a JSON header with what the structure says of the image (number, shape, type, codec, colour mode, time stamp,
attributes), and the pixels as they came, compressed or not. Images are numbered by ``uniqueId``, from wherever that stands.

The protocol knows no start and no end of a series, and a process variable always has a value: what it holds when the run is armed is an
old image, and no data. The START packet describes the first image after that; the END packet comes behind as many images as the run is
for. A reader that is too slow loses images in the server's queue, which is seen as a gap in ``uniqueId``.
"""

from __future__ import annotations

from beamloom.devices.device import Device
from beamloom.devices.pva.monitor import PvaSettings, PvaSource
from beamloom.devices.pva.packets import parse
from beamloom.devices.pva.simulator import PvaSimulator, generate


def source(settings: PvaSettings) -> PvaSource:
    """A monitor of a process variable."""
    return PvaSource(settings)


DEVICE = Device(
    name="pva",
    title="areaDetector, EPICS PV Access NTNDArray",
    settings=PvaSettings,
    source=source,
    simulator=PvaSimulator,
    generate=generate,
    parse=parse,
    bind="pva://127.0.0.1:*/BEAMLOOM:SIM:IMAGE",
)
