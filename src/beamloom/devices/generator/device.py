"""The generator: images, spectra, angles or scan points that are known exactly, made in the ingester itself.

With it a pipeline can be written, tried and loaded before there is any hardware, and whatever an analysis makes of it can be compared with
``truth(settings, item)``. Faults are part of it: items that are missing, broken, late, doubled, or that make all others wait.

A packet is a JSON header, and for an item the bytes of its array, little-endian; items are counted from 0 in the header.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import zmq

from beamloom.devices.device import Device, Source
from beamloom.devices.generator.arrivals import arrivals
from beamloom.devices.generator.in_process import GeneratorSource
from beamloom.devices.generator.items import GeneratorSettings
from beamloom.devices.generator.packets import GeneratorReader, parse
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.zeromq import ZmqSource


def source(settings: GeneratorSettings) -> Source:
    """The packets that are made here, or a connection to a generator in another process."""
    if settings.url.startswith(("tcp://", "ipc://")):
        return ZmqSource(settings.url, zmq.PULL, settings.receive_queue, GeneratorReader())
    return GeneratorSource(settings)


def simulator(url: str) -> ZmqPlayer:
    """A generator for other processes, bound to ``url``."""
    return ZmqPlayer(url, zmq.PUSH, lambda message: b'"item"' in message[0][:16])


def generate(
    *,
    kind: str = "images",
    items: int = 100,
    shape: Sequence[int] = (),
    dtype: str = "",
    seed: int = 0,
    noise: bool = False,
    distinct: int = 0,
    gap: float = 0.0,
    corrupt: float = 0.0,
    reorder: float = 0.0,
    duplicate: float = 0.0,
) -> Iterator[list[bytes]]:
    """A series: start, ``items`` items, end, as the settings of the same names have it.

    ``kind`` is images, spectra, encoder or scan; ``gap``, ``corrupt``, ``reorder`` and ``duplicate`` are the shares of the items that are
    left out, cannot be read, come behind the next, come twice.
    """
    chosen = {
        "kind": kind,
        "items": items,
        "shape": tuple(shape),
        "dtype": dtype,
        "seed": seed,
        "noise": noise,
        "distinct": distinct,
        "gap": gap,
        "corrupt": corrupt,
        "reorder": reorder,
        "duplicate": duplicate,
    }
    settings = msgspec.convert(chosen, GeneratorSettings)
    return (list(arrival.frames) for arrival in arrivals(settings, items))


DEVICE = Device(
    name="generator",
    title="made-up images, spectra, angles or scan points that are known exactly, in process",
    settings=GeneratorSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
    packets_are_messages=True,
)
