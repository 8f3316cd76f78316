"""The generator as a device: items that are known exactly, from no hardware."""

from beamloom.devices.generator.device import DEVICE, generate, source
from beamloom.devices.generator.in_process import GeneratorSource
from beamloom.devices.generator.items import Fault, GeneratorSettings, Kind, Truth, fault_of, truth
from beamloom.devices.generator.packets import (
    TYP,
    GeneratorEnd,
    GeneratorItem,
    GeneratorPacket,
    GeneratorReader,
    GeneratorStart,
    parse,
)

__all__ = [
    "DEVICE",
    "TYP",
    "Fault",
    "GeneratorEnd",
    "GeneratorItem",
    "GeneratorPacket",
    "GeneratorReader",
    "GeneratorSettings",
    "GeneratorSource",
    "GeneratorStart",
    "Kind",
    "Truth",
    "fault_of",
    "generate",
    "parse",
    "source",
    "truth",
]
