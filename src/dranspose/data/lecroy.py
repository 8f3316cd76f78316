"""The packets of a LeCroy oscilloscope by the names of existing analyses."""

from __future__ import annotations

import pickle
from typing import ClassVar, Final

import msgspec
import numpy as np

from beamloom.devices import lecroy
from beamloom.devices.lecroy.sequences import TYP
from beamloom.events import Packet, PacketKind
from dranspose.data._packets import PacketFields

LECROY_TYPE: Final = TYP


class LecroyPrepare(PacketFields, lecroy.LecroyPrepare):
    """A series is about to begin."""

    DEFAULTS: ClassVar = {"htype": "msg", "what": 0, "frame": 0}

    def to_stream_data(self) -> Packet:
        """The packet that the oscilloscope would have sent."""
        return Packet(TYP, [self.model_dump_json().encode()], kind=PacketKind.START)


class LecroyData(PacketFields, lecroy.LecroyData):
    """What describes the traces of one channel."""

    DEFAULTS: ClassVar = {"htype": "traces"}


class LecroyParsed(PacketFields, lecroy.LecroyParsed):
    """One sequence: ``channels``, and for each ``meta``, ``data`` (traces, points) and ``timestamps``."""

    DEFAULTS: ClassVar = {
        "htype": "msg",
        "what": 1,
        "frame": 0,
        "seqno": 0,
        "meta": [],
        "data": [],
        "timestamps": [],
    }
    NOT_IN_JSON: ClassVar = frozenset({"meta", "data", "timestamps"})

    def to_stream_data(self) -> Packet:
        """The packet that the messages of the oscilloscope would have become."""
        frames = [self.model_dump_json().encode()]
        for meta, traces, times in zip(self.meta, self.data, self.timestamps, strict=True):
            frames += [
                msgspec.json.encode(dict(meta)),
                np.ascontiguousarray(traces).tobytes(),
                pickle.dumps(times, protocol=4),
            ]
        end = {"htype": "msg", "what": 2, "frame": self.frame + len(self.meta)}
        return Packet(TYP, [*frames, msgspec.json.encode(end)])


LecroySeqStart = LecroyParsed
"""A sequence; its begin alone is no packet."""


class LecroyEnd(PacketFields, lecroy.LecroyEnd):
    """The series has ended."""

    DEFAULTS: ClassVar = {"htype": "msg", "what": 3, "frame": 0, "frames": 0}

    def to_stream_data(self) -> Packet:
        """The packet that the oscilloscope would have sent."""
        return Packet(TYP, [self.model_dump_json().encode()], kind=PacketKind.END)


LecroyPacket = LecroyPrepare | LecroyParsed | LecroyEnd
