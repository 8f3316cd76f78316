"""The generator as a device: items that are known exactly, from no hardware."""

from beamloom.devices.generator.device import (
    DEVICE,
    TYP,
    GeneratorEnd,
    GeneratorItem,
    GeneratorPacket,
    GeneratorReader,
    GeneratorSource,
    GeneratorStart,
    generate,
    parse,
    source,
)
from beamloom.devices.generator.items import Fault, GeneratorSettings, Kind, Truth, fault_of, truth

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
