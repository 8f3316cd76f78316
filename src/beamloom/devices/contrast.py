"""contrast, the scan software of NanoMAX: one pickled dictionary per message over ZeroMQ PUB.

``status`` says what a message is: ``started`` and ``finished`` or ``interrupted`` around a scan, ``running`` for each of its points,
``heartbeat`` every ten seconds at any time. The messages carry no numbers.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.pickles.alike import AlikePickles
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

TYP = "contrast"

_messages: Final = AlikePickles()


class ContrastSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``contrast`` in the pipeline file."""

    url: str
    """Where the stream recorder of contrast listens, for example ``tcp://scan.example.org:5556``."""
    receive_queue: int = 0
    """Messages that wait in this process, 0 for no limit. The sender cannot be made to wait: what does not fit is dropped unseen."""


class ContrastStarted(Fields):
    """A scan begins."""

    packet_kind = PacketKind.START

    status: str
    scannr: int
    path: str
    """The folder of the scan's files."""
    description: str
    """The command that was typed."""
    snapshot: dict[str, Any]
    """The positions of all motors."""


class ContrastRunning(Fields):
    """One point of a scan: a field for each motor and each detector."""

    status: str
    dt: float
    """Seconds since the scan began."""


class ContrastFinished(Fields):
    """A scan has come to its end, or was interrupted: ``status`` says which."""

    packet_kind = PacketKind.END

    status: str
    scannr: int
    path: str
    description: str


class ContrastHeartbeat(Fields):
    """contrast is there."""

    status: str


ContrastPacket = ContrastStarted | ContrastRunning | ContrastFinished | ContrastHeartbeat

_CLASSES: Final[Mapping[str, type[ContrastPacket]]] = {
    "started": ContrastStarted,
    "running": ContrastRunning,
    "finished": ContrastFinished,
    "interrupted": ContrastFinished,
    "heartbeat": ContrastHeartbeat,
}

_KINDS: Final[Mapping[str, PacketKind]] = {
    "started": PacketKind.START,
    "running": PacketKind.DATA,
    "finished": PacketKind.END,
    "interrupted": PacketKind.END,
}


def parse(packet: RawPacket) -> ContrastPacket:
    """The packet as objects. Raises MalformedPacket; nothing that a pickle asks for is run."""
    frames = frames_of(packet, TYP)
    fields = _messages.unpickle(frames[0])
    made = _CLASSES[_status(fields)]
    if not all(isinstance(name, str) for name in fields):
        raise MalformedPacket("the dictionary has keys that are no names")
    return made(**fields)


def _status(message: object) -> str:
    """What the message is. Raises MalformedPacket when it does not say."""
    if not isinstance(message, dict):
        raise MalformedPacket(f"the pickle holds a {type(message).__name__}, not a dictionary")
    status = message.get("status")
    if not isinstance(status, str) or status not in _CLASSES:
        raise MalformedPacket(f"the message has the status {status!r}; known are {', '.join(_CLASSES)}")
    return status


class ContrastReader:
    """Tells what the messages of contrast are; heartbeats are none of a pipeline's business."""

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the packet, or what is wrong with it."""
        try:
            if len(frames) != 1:
                raise MalformedPacket(f"the message has {len(frames)} frames; contrast sends one")
            status = _status(_messages.unpickle(frames[0]))
        except MalformedPacket as problem:
            items.append(Malformed(str(problem), frames, takes_place=_was_a_point(frames[0])))
            return
        if status != "heartbeat":
            items.append(Packet(TYP, frames, None, _KINDS[status]))


def _was_a_point(frame: Any) -> bool:
    """Whether an unreadable message was one of the points: it says so, or it says to be nothing else that contrast sends."""
    text = bytes(frame)
    return b"running" in text or not any(status.encode() in text for status in _CLASSES)


def source(settings: ContrastSettings) -> ZmqSource:
    """A connection to contrast's stream recorder."""
    return ZmqSource(settings.url, zmq.SUB, settings.receive_queue, ContrastReader())


def simulator(url: str) -> ZmqPlayer:
    """A stream recorder of contrast bound to ``url``."""
    return ZmqPlayer(url, zmq.XPUB, lambda message: b"running" in message[0])


def mesh(slow: Sequence[float], fast: Sequence[float]) -> list[tuple[float, float]]:
    """The points of a mesh scan as contrast runs through them: the second motor moves at every point."""
    return [(x, y) for x in slow for y in fast]


def generate(
    *,
    positions: Iterable[Sequence[float]] | None = None,
    motors: Sequence[str] = ("x", "y"),
    scannr: int = 1,
    path: str = "/data/raw/sample",
    description: str = "mesh",
    snapshot: Mapping[str, float] | None = None,
    exposure: float = 0.1,
    panda: bool = False,
    interrupted: bool = False,
    heartbeats: int = 0,
    protocol: int = 2,
) -> Iterator[list[bytes]]:
    """A scan: started, a message for each point, finished (or ``interrupted``).

    ``positions`` are what the ``motors`` read at each point, by default a mesh of 5 by 4 points from -2 to 2. Each point has
    ``s<motor>`` (set, a float) and ``pseudo`` (read, an array of one). With ``panda`` also ``panda0``: counters, and
    encoders with the positions. ``exposure`` in seconds. A heartbeat comes first and after every ``heartbeats`` points; none with 0.
    """

    def message(fields: Mapping[str, Any]) -> list[bytes]:
        return [pickle.dumps(fields, protocol=protocol)]

    if positions is None:
        positions = mesh(np.linspace(-2, 2, 5).tolist(), np.linspace(-2, 2, 4).tolist())
    scan = {"scannr": scannr, "path": path, "description": description}
    if heartbeats:
        yield message({"status": "heartbeat"})
    yield message({**scan, "status": "started", "snapshot": dict(snapshot or {})})
    for index, position in enumerate(positions):
        read = dict(zip(motors, map(float, position), strict=True))
        point: OrderedDict[str, Any] = OrderedDict((f"s{motor}", value) for motor, value in read.items())
        point["pseudo"] = {motor: np.array([value]) for motor, value in read.items()}
        if panda:
            point["panda0"] = _panda(index, exposure, list(read.values()))
        point["dt"] = (index + 1) * exposure
        point["status"] = "running"
        yield message(point)
        if heartbeats and (index + 1) % heartbeats == 0:
            yield message({"status": "heartbeat"})
    yield message({**scan, "status": "interrupted" if interrupted else "finished"})


def _panda(index: int, exposure: float, values: Sequence[float]) -> dict[str, Any]:
    """What a PandABox adds to a point: trigger time stamps in seconds, counters, encoders."""
    entries = {
        "COUNTER1.OUT_Value": float(index),
        "PCAP.TS_START_Value": index * exposure,
        "PCAP.TS_END_Value": (index + 1) * exposure,
        "PCAP.TS_TRIG_Value": (index + 1) * exposure,
        **{f"INENC{number}.VAL_Mean": value for number, value in enumerate(values, start=1)},
    }
    return {name: np.array([value]) for name, value in entries.items()}


DEVICE = Device(
    name="contrast",
    title="the scan software contrast of NanoMAX, ZeroMQ SUB",
    settings=ContrastSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
    packets_are_messages=True,
)
