"""LeCroy oscilloscope as MAX IV's ``maui`` device sends it: traces over ZeroMQ PUB.

Control messages are one JSON object, ``htype`` being ``msg`` and ``what`` saying which: 0 the series is prepared, 1 a sequence begins,
2 it has ended, 3 the series has ended. In between come messages of three frames, one for each channel: a JSON object with ``htype``
``traces``, the voltages of the traces one after the other, and a pickled list of their time stamps.

In sequential acquisition each sequence has a message 1, in continuous acquisition (``ntriggers`` -1) the first has one for all.
``frame`` in every message counts the traces messages that were sent before it; divided by the channels it numbers the sequences.

A sequence becomes one packet: its message 1, the three frames of each channel, its message 2.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device
from beamloom.devices.encodings.json_headers import read_fields
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, as_image
from beamloom.devices.lecroy.sequences import TYP, LecroyReader
from beamloom.devices.pickles.unpickle import unpickle
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import PacketKind


class LecroySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``lecroy`` in the pipeline file."""

    url: str
    """Where the oscilloscope's server listens, for example ``tcp://scope.example.org:9999``."""
    receive_queue: int = 0
    """Messages that wait in this process, 0 for no limit. The sender cannot be made to wait: what does not fit is dropped unseen."""


class LecroyPrepare(Fields):
    """A series is about to begin."""

    packet_kind = PacketKind.START

    what: int
    frame: int
    """Traces messages that were sent before."""


class LecroyData(Fields):
    """What describes the traces of one channel in one sequence."""

    ch: int
    """The channel."""
    ts: float
    """Seconds since 1970."""
    frame: int
    shape: list[int]
    """Traces, points of each."""
    dtype: str
    horiz_offset: float
    """Time of the first point against the trigger, in seconds."""
    horiz_interval: float
    """Time from one point to the next, in seconds."""


class LecroyParsed(Fields):
    """One sequence: the traces of all channels."""

    what: int
    frame: int
    ntriggers: int
    """Traces of a sequence, -1 in continuous acquisition."""
    seqno: int
    channels: list[int]
    """The channels in the order in which they are set up; those of ``meta``, ``data`` and ``timestamps`` say ``ch``."""
    meta: list[LecroyData]
    """For each channel what describes its traces."""
    data: list[Image]
    """For each channel its voltages, (traces, points), read-only."""
    timestamps: list[list[float]]
    """For each channel the times of its traces, in seconds since 1970."""


class LecroyEnd(Fields):
    """The series has ended."""

    packet_kind = PacketKind.END

    what: int
    frame: int
    frames: int
    """Traces messages of the series."""


LecroyPacket = LecroyPrepare | LecroyParsed | LecroyEnd


def parse(packet: RawPacket) -> LecroyPacket:
    """The packet as objects. Raises MalformedPacket; nothing that a pickle asks for is run."""
    frames = frames_of(packet, TYP)
    fields = read_fields(frames[0])
    match fields.get("htype"), fields.get("what"):
        case "msg", 0:
            return LecroyPrepare(**fields)
        case "msg", 1:
            return _parse_sequence(fields, frames[1:-1])
        case "msg", 3:
            return LecroyEnd(**fields)
        case htype, what:
            raise MalformedPacket(
                f"the first frame has htype {htype!r} and what {what!r}; a packet begins with msg and 0, 1 or 3"
            )


def _parse_sequence(start: Mapping[str, Any], frames: Sequence[Any]) -> LecroyParsed:
    if not frames or len(frames) % 3:
        raise MalformedPacket(
            f"{len(frames)} frames stand between the sequence's begin and end, not three a channel"
        )
    meta, data, timestamps = [], [], []
    for head, blob, times in zip(frames[0::3], frames[1::3], frames[2::3], strict=True):
        described = LecroyData(**read_fields(head))
        meta.append(described)
        data.append(as_image(blob, *_shape_and_type(described)))
        timestamps.append(_times(unpickle(times)))
    return LecroyParsed(**{**start, "meta": meta, "data": data, "timestamps": timestamps})


def _shape_and_type(described: LecroyData) -> tuple[list[int], str]:
    named = dict(described)
    try:
        return msgspec.convert((named.get("shape"), named.get("dtype")), tuple[list[int], str])
    except msgspec.ValidationError:
        raise MalformedPacket("the header of the traces has no shape or no dtype") from None


def _times(value: object) -> list[float]:
    if not isinstance(value, list | tuple):
        raise MalformedPacket(f"the third frame holds a {type(value).__name__}, not the list of times")
    return list(value)


def source(settings: LecroySettings) -> ZmqSource:
    """A connection to an oscilloscope."""
    return ZmqSource(settings.url, zmq.SUB, settings.receive_queue, LecroyReader())


def simulator(url: str) -> ZmqPlayer:
    """An oscilloscope bound to ``url``; what it paces are the ends of the sequences."""
    return ZmqPlayer(
        url, zmq.XPUB, lambda message: len(message) == 1 and b'"what":2' in message[0].replace(b" ", b"")
    )


def generate(
    *,
    traces: Iterable[Image] | None = None,
    sequences: int = 3,
    burst: int = 20,
    points: int = 1000,
    channels: Sequence[int] = (2, 4),
    continuous: bool = False,
    interval: float = 1.25e-11,
    first_frame: int = 0,
    seed: int = 0,
) -> Iterator[list[bytes]]:
    """A series: prepared, sequences, ended.

    ``traces`` are the voltages of each sequence, (channels, traces, points); or ``sequences`` of ``burst`` traces (one when ``continuous``)
    are made up: noise of the random ``seed`` with a pulse in the middle. ``interval`` is the time between points, in seconds.
    """
    if traces is None:
        traces = _pulses(sequences, (len(channels), 1 if continuous else burst, points), seed)
    frame = first_frame

    def control(what: int, **fields: Any) -> list[bytes]:
        return [msgspec.json.encode({"htype": "msg", "what": what, "frame": frame, **fields})]

    yield control(0)
    for seqno, voltages in enumerate(traces):
        if seqno == 0 or not continuous:
            count = -1 if continuous else voltages.shape[1]
            yield control(1, ntriggers=count, seqno=seqno, channels=list(channels))
        moment = 1_700_000_000.0 + seqno
        for channel, part in zip(channels, voltages, strict=True):
            head = {
                "htype": "traces",
                "ch": channel,
                "ts": moment,
                "frame": frame,
                "shape": list(part.shape),
                "horiz_offset": -interval * part.shape[1] / 2,
                "horiz_interval": interval,
                "dtype": part.dtype.name,
            }
            times = [moment + 1e-3 * trace for trace in range(len(part))]
            yield [msgspec.json.encode(head), part.tobytes(), pickle.dumps(times, protocol=4)]
            frame += 1
        yield control(2)
    yield control(3, frames=frame - first_frame)


def _pulses(sequences: int, shape: tuple[int, int, int], seed: int) -> Iterator[Image]:
    noise = np.random.default_rng(seed)
    places = np.linspace(-10, 10, shape[2])
    for _ in range(sequences):
        yield noise.normal(0, 0.005, shape) + 0.1 * np.exp(-(places**2))


DEVICE = Device(
    name="lecroy",
    title="the oscilloscope LeCroy of MAX IV's maui device, ZeroMQ SUB",
    settings=LecroySettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
)
