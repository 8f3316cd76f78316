"""The packets of STINS (stream1) by the names of existing analyses."""

from __future__ import annotations

import functools
from typing import ClassVar

import msgspec
import numpy as np

from beamloom.devices import stins
from beamloom.devices.images import Image
from beamloom.events import Packet, PacketKind
from dranspose.data._packets import PacketFields


class Stream1Start(PacketFields, stins.Stream1Start):
    """The header of a series."""

    DEFAULTS: ClassVar = {"htype": "header", "filename": "", "msg_number": 0}
    NOT_IN_JSON: ClassVar = frozenset({"meta"})

    def to_stream_data(self) -> Packet:
        """The packet that a detector would have sent."""
        meta = [msgspec.json.encode(self.meta)] if "meta" in self and self.meta else []
        return Packet(stins.TYP, [self.model_dump_json().encode(), *meta], kind=PacketKind.START)


class Stream1Data(PacketFields, stins.Stream1Data):
    """One image; ``data`` is its array, given or in the blobs."""

    DEFAULTS: ClassVar = {"htype": "image", "compression": "none", "msg_number": 0}
    NOT_IN_JSON: ClassVar = frozenset({"data", "blobs"})

    @functools.cached_property
    def array(self) -> Image:
        """The pixels."""
        given: Image | None = self._fields.get("data")
        return super().array if given is None else given

    def to_stream_data(self) -> Packet:
        """The packet that a detector would have sent."""
        blobs = self.blobs if "blobs" in self else [np.ascontiguousarray(self.data).tobytes()]
        return Packet(stins.TYP, [self.model_dump_json().encode(), *blobs])


class Stream1End(PacketFields, stins.Stream1End):
    """The end of a series."""

    DEFAULTS: ClassVar = {"htype": "series_end", "msg_number": 0}

    def to_stream_data(self) -> Packet:
        """The packet that a detector would have sent."""
        return Packet(stins.TYP, [self.model_dump_json().encode()], kind=PacketKind.END)


Stream1Packet = Stream1Start | Stream1Data | Stream1End
