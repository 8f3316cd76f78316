"""The settings of an ingester and of its streams, documented as those of the other processes are: see ``_process.py``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from beamloom.settings._bounds import RecordBelow
from beamloom.settings._process import Seconds, ServiceName, ServiceSettings


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of an ingester: its device protocol, and the keys that this device takes."""

    device: str
    """Name of the device protocol, as ``beamloom simulate`` lists them."""
    ingesters: Annotated[
        int, Meta(ge=1, description="Ingesters that share the stream, each receiving a part of its packets.")
    ] = 1
    ingester: Annotated[
        str,
        Meta(
            pattern=r"^[\w.-]*$",
            description="Name of the ingester that receives it, in a pipeline file: streams that name the same share one process, as "
            "small ones do best. By default the name of the stream.",
            extra={"expects": "a name of letters, digits, dots, dashes and underscores"},
        ),
    ] = ""
    options: dict[str, Any] = {}
    """The device's own keys, ``url`` first of all; checked against the device's settings struct."""
    arms: Annotated[
        bool,
        Meta(
            description="Whether the device stays connected between runs and a series that it begins arms a run."
        ),
    ] = False
    stall_limit: Annotated[
        Seconds | None,
        Meta(
            description="Time without a packet in a run after which the stream is shown as stalled; by default that of the ingester."
        ),
    ] = None

    def written(self) -> dict[str, Any]:
        """As people write it: the device, what any stream takes, and the device's keys, side by side."""
        own = {name: getattr(self, name) for name in sorted(STREAM_KEYS)}
        said = {name: value for name, value in own.items() if value != _STREAM_DEFAULTS[name]}
        return {"device": self.device, **said, **self.options}


STREAM_KEYS = frozenset({"arms", "ingester", "ingesters", "stall_limit"})
"""Keys that a stream takes besides ``device`` and the keys of its device."""

_STREAM_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(StreamSettings)}


class IngesterSettings(ServiceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ingester: one process that receives one stream, or a few."""

    name: Annotated[
        ServiceName,
        Meta(
            description="Name of this process; made of its streams' names where none is given.",
            extra={"variables": ["INGESTER_NAME"]},
        ),
    ] = ""
    streams: Annotated[
        dict[str, StreamSettings],
        Meta(
            min_length=1,
            description="The streams to receive: for each its device and the keys of this device.",
            extra={
                "variables": ["INGESTER_STREAMS"],
                "expects": 'streams with their devices, such as {"detector": {"device": "stins", '
                '"url": "tcp://127.0.0.1:9999"}}',
            },
        ),
    ]
    retention_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Memory for packets whose events are not yet reduced; they are sent again when a worker dies.",
            extra={"unit": "bytes"},
        ),
    ] = 1 << 30
    on_full: Annotated[
        Literal["block", "drop", "spill"],
        Meta(
            description="What happens when that memory is full: `block` stops reading from the device, "
            "`drop` gives the packet up and marks its event lost, `spill` keeps the packet on disk and stops reading when that is full, "
            "too."
        ),
    ] = "block"
    shared_memory: Annotated[
        Literal["auto", "off"],
        Meta(
            description="Whether workers on the same host read frames of 64 KiB and more in memory of the ingester, in place of getting "
            "them sent: `auto` where they can, `off` never."
        ),
    ] = "auto"
    write_ahead: Annotated[
        bool,
        Meta(
            description="Whether each packet is written to disk before it is sent on, so that a new ingester finds what this one had "
            "when it died."
        ),
    ] = False
    spool_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Size on disk that packets of one stream may take, by `spill` or `write_ahead`; when it is reached, the device "
            "is not read on before events are reduced.",
            extra={"unit": "bytes"},
        ),
    ] = 32 << 30
    state_dir: Annotated[
        str,
        Meta(
            description="Folder for these packets; by default `beamloom` in the user's folder for state (`XDG_STATE_HOME`)."
        ),
    ] = ""
    stall_limit: Annotated[
        Seconds,
        Meta(
            description="Time without a packet in a run after which a stream is shown as stalled; nothing else follows from it."
        ),
    ] = 10.0
    reorder_window: Annotated[
        int,
        Meta(
            ge=0,
            description="Packets of a stream that are held while one that belongs before them is missing; 0: none, "
            "and a packet that comes behind a higher one is late.",
            extra={"unit": "packets"},
        ),
    ] = 64
    reorder_wait: Annotated[
        Seconds,
        Meta(
            description="Longest time that they are held; so long a gap delays what is behind it.",
        ),
    ] = 0.05
    record_prefix: Annotated[
        str | None,
        Meta(
            description="Start of the path of every file to which packets are recorded; none: no recording."
        ),
    ] = None
    record_below: RecordBelow = ""

    def _default_name(self) -> str:
        return "_".join(self.streams) + "-ingester"
