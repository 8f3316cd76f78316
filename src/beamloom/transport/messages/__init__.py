"""Every message between the processes of a pipeline: the whole wire contract.

Each message is one msgspec struct, encoded as msgpack with its sender; large payloads follow as frames of their own. A process is named
by its peer id (``worker-1@3f2a91``), which is new at each start; the controller's is ``controller``, and ``controller#7`` where it is the
seventh that goes on with the same state. ``run`` is the id of a run; a message
about a run that is over is dropped by whoever receives it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from beamloom.texts import encodable
from beamloom.transport.messages._base import Message
from beamloom.transport.messages._data import (
    Failed,
    PacketBlock,
    Packets,
    Progress,
    Reduced,
    Results,
    ResultSpan,
    Taken,
)
from beamloom.transport.messages._feedback import Decided, Heard, Said
from beamloom.transport.messages._membership import (
    Drain,
    Drains,
    Gone,
    Heartbeat,
    Leads,
    Leaving,
    LogRecords,
    Part,
    Pulse,
    Register,
    Unknown,
    Welcome,
)
from beamloom.transport.messages._questions import Explain, Explained, Look, Trace
from beamloom.transport.messages._runs import (
    Announce,
    Arm,
    Armed,
    Coverage,
    Finish,
    Finished,
    Joined,
    Orders,
    Parameters,
    Tick,
)
from beamloom.transport.messages._shadowing import Copied, CopyTaken, LastCopy, Mirror, ShadowFacts
from beamloom.transport.messages._sharing import Borrows, Offer
from beamloom.transport.messages._taking_up import (
    Fence,
    Fenced,
    Held,
    Inquire,
    Lacking,
    Reducer,
    Resuming,
    Standing,
    Stands,
    TakeStock,
)

__all__ = [
    "CONTROLLER",
    "Announce",
    "AnyMessage",
    "Arm",
    "Armed",
    "Borrows",
    "Copied",
    "CopyTaken",
    "Coverage",
    "Decided",
    "Drain",
    "Drains",
    "Explain",
    "Explained",
    "Failed",
    "Fence",
    "Fenced",
    "Finish",
    "Finished",
    "Gone",
    "Heard",
    "Heartbeat",
    "Held",
    "Inquire",
    "Joined",
    "Lacking",
    "LastCopy",
    "Leads",
    "Leaving",
    "LogRecords",
    "Look",
    "Message",
    "Mirror",
    "Offer",
    "Orders",
    "PacketBlock",
    "Packets",
    "Parameters",
    "Part",
    "Progress",
    "Pulse",
    "Reduced",
    "Reducer",
    "Register",
    "ResultSpan",
    "Results",
    "Resuming",
    "Said",
    "ShadowFacts",
    "Standing",
    "Stands",
    "TakeStock",
    "Taken",
    "Tick",
    "Trace",
    "Unknown",
    "Welcome",
    "decode",
    "encode",
]

CONTROLLER = "controller"

AnyMessage = (
    Register
    | Welcome
    | Unknown
    | Heartbeat
    | Leads
    | Drain
    | Drains
    | Leaving
    | Pulse
    | Gone
    | LogRecords
    | Announce
    | Arm
    | Armed
    | Joined
    | Orders
    | Offer
    | Borrows
    | Packets
    | Results
    | Taken
    | Reduced
    | Standing
    | Resuming
    | Reducer
    | Held
    | Failed
    | Progress
    | Inquire
    | Lacking
    | Coverage
    | TakeStock
    | Stands
    | Fence
    | Fenced
    | Explain
    | Explained
    | Look
    | Trace
    | Parameters
    | Tick
    | Finish
    | Finished
    | Said
    | Heard
    | Decided
    | Mirror
    | Copied
    | CopyTaken
    | LastCopy
)

_AS_THEY_ARE = (bytes, bytearray, memoryview, datetime)
"""What msgpack has types for, beside those that JSON has."""
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, AnyMessage])


def encode(sender: str, message: AnyMessage) -> bytes:
    """The first frame of a message; of its text, what UTF-8 cannot hold is escaped."""
    try:
        return _encoder.encode((sender, message))
    except UnicodeEncodeError:
        plain = msgspec.to_builtins((sender, message), builtin_types=_AS_THEY_ARE)
        return _encoder.encode(_encodable(plain))


def _encodable(one: Any) -> Any:
    if isinstance(one, str):
        return encodable(one)
    if isinstance(one, dict):
        return {_encodable(key): _encodable(value) for key, value in one.items()}
    return [_encodable(value) for value in one] if isinstance(one, list | tuple) else one


def decode(frame: bytes | memoryview) -> tuple[str, AnyMessage]:
    """Sender and message of a first frame; raises msgspec.DecodeError for anything else."""
    try:
        return _decoder.decode(frame)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"not a message of a pipeline: {error}") from error
