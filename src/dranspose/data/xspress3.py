"""The packets of Xspress3 by the names of existing analyses."""

from __future__ import annotations

import pickle
from typing import ClassVar

import numpy as np

from beamloom.devices import xspress3
from beamloom.events import Packet, PacketKind
from dranspose.data._packets import PacketFields

COUNTS_ALWAYS_SENT = 8


class XspressStart(PacketFields, xspress3.XspressStart):
    """The header of a series."""

    DEFAULTS: ClassVar = {"htype": "header", "filename": ""}

    def to_stream_data(self) -> Packet:
        """The packet that a spectrometer would have sent."""
        return Packet(xspress3.TYP, [self.model_dump_json().encode()], kind=PacketKind.START)


class XspressImage(PacketFields, xspress3.XspressImage):
    """The spectra of one exposure: ``data`` (channels, bins), ``meta`` what the channels counted."""

    DEFAULTS: ClassVar = {"htype": "image", "compression": "none", "exptime": 1.0, "meta": {}}
    NOT_IN_JSON: ClassVar = frozenset({"data", "meta"})

    def to_stream_data(self) -> Packet:
        """The packet that a spectrometer would have sent; counts that ``meta`` lacks are 0."""
        spectra = np.ascontiguousarray(self.data)
        lacking = dict.fromkeys(xspress3.META_NAMES[:COUNTS_ALWAYS_SENT], np.zeros(len(spectra), np.uint32))
        counts = pickle.dumps(list((lacking | self.meta).values()), protocol=4)
        return Packet(xspress3.TYP, [self.model_dump_json().encode(), spectra.tobytes(), counts])


class XspressEnd(PacketFields, xspress3.XspressEnd):
    """The end of a series."""

    DEFAULTS: ClassVar = {"htype": "series_end"}

    def to_stream_data(self) -> Packet:
        """The packet that a spectrometer would have sent."""
        return Packet(xspress3.TYP, [self.model_dump_json().encode()], kind=PacketKind.END)


XspressPacket = XspressStart | XspressImage | XspressEnd
