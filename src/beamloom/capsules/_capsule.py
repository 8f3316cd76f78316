"""What is in a capsule, and its file.

A file is one CBOR map (RFC 8949): the fields of ``Capsule`` by name, and under ``record`` the packets of the event as a record of the
recordings' format, which any reader of that format understands.

Trust: ``state`` is a pickle, and so may the payload of a result be. Reading a capsule does not unpickle them; running its call again does,
and that runs whatever the file says. So a capsule is to be trusted as the code of whoever made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cbor2
import msgspec

from beamloom.detectors.geometry import Detector
from beamloom.errors import UsageError
from beamloom.events import Packet, PacketKind
from beamloom.recordings.format import TAG_PACKET, TAG_RECORD, record_of
from beamloom.texts import encodable

FORMAT = "beamloom capsule 1"
SUFFIX = ".capsule"


class NotACapsule(UsageError):
    """A file that was given as a capsule is something else, or of a version that this one does not know."""


class KeptState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the user's instance, as pickles."""

    when: str = "after"
    """``after`` the call had failed, with what that had changed; ``before`` a call that was expected to end its process."""
    whole: bytes | None = None
    """The instance; None where it could not be pickled in one piece."""
    parts: dict[str, bytes] = {}
    """Its attributes, each for itself, where it could not."""
    missing: dict[str, str] = {}
    """What could not be kept, and why."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The result that a reduce was called with."""

    worker: str
    head: bytes
    """The payload, encoded."""
    buffers: list[bytes] = []
    """Its large arrays."""
    combined: list[int] = []
    trusted: list[str] = []
    """Packages of which classes of results may be imported."""
    allow_pickle: bool = False


class Capsule(msgspec.Struct, frozen=True, kw_only=True):
    """One call that failed."""

    hook: str
    """``process_event`` or ``process_result``; of those that belong to no event ``timer``, ``checkpoint`` or ``finish``."""
    run: str
    event: int | None
    epoch: int
    of_reducer: bool = False
    """Whether a hook that belongs to no event is that of a reducer."""
    tick: bool = False
    service: str
    """The process that it failed in, by name."""
    tags: list[str] = []
    host: str = ""
    pid: int = 0
    kept_at: float
    """Unix time, s."""
    analysis: str
    """The user's class, as module:Class."""
    analysis_path: str
    """The folder that it was imported from."""
    code: dict[str, str] = {}
    """Version of the user's code: commit_hash and so on, where it is known."""
    version: str = ""
    """Of Beamloom."""
    python: str = ""
    parameters: dict[str, bytes]
    where: str
    """The hook, as ``FluorescenceWorker.process_event``."""
    error: str
    """Name of the exception's class; that of a death where the process ended."""
    message: str
    traceback: str = ""
    died: bool = False
    """The process ended in this call, or was about to: nothing was raised."""
    state: KeptState = KeptState()
    detectors: dict[str, Detector] = {}
    given: Given | None = None
    """Of a reduce."""
    packets: dict[str, Packet] = {}
    """Of a map: by stream, before tiles were put together."""

    @property
    def sentence(self) -> str:
        """What happened, in a line."""
        if self.event is None:
            return f"{self.where} failed: {self.error}: {self.message}"
        if self.died:
            return f"{self.analysis} ended its process in {self.hook} at event {self.event}: {self.error}: {self.message}"
        return f"{self.where} failed at event {self.event}: {self.error}: {self.message}"

    def encode(self) -> bytes:
        """The content of its file."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "packets"}
        plain = _encodable(msgspec.to_builtins(fields, builtin_types=(bytes,)))
        content: dict[str, Any] = {"format": FORMAT, **plain}
        if self.packets:
            content["record"] = cbor2.CBORTag(
                TAG_RECORD, [self.event, {stream: _item(packet) for stream, packet in self.packets.items()}]
            )
            # What the format of recordings leaves out, and the call had.
            content["numbers"] = {stream: packet.number for stream, packet in self.packets.items()}
            content["kinds"] = {stream: int(packet.kind) for stream, packet in self.packets.items()}
        return cbor2.dumps(content)


def _encodable(value: Any) -> Any:
    """Errors may name files, and instances may have attributes, that are no Unicode."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {_encodable(name): _encodable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_encodable(one) for one in value]
    return value


def _item(packet: Packet) -> Any:
    return cbor2.CBORTag(TAG_PACKET, [packet.typ, [bytes(frame) for frame in packet.frames]])


def read_capsule(path: str | Path) -> Capsule:
    """The capsule in a file. Nothing in it is run. Raises NotACapsule with a sentence."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise NotACapsule(f"there is no capsule {path}; /api/v1/errors names those of a run") from None
    except OSError as error:
        raise NotACapsule(f"the capsule {path} cannot be read: {error.strerror}") from error
    return decode_capsule(content, path)


def decode_capsule(content: bytes, path: str | Path) -> Capsule:
    """The capsule in the content of the file ``path``. Raises NotACapsule."""
    try:
        fields = cbor2.loads(content)
        if not isinstance(fields, Mapping) or not str(fields.get("format", "")).startswith(
            "beamloom capsule"
        ):
            raise NotACapsule(f"{path} is not a capsule")
        if fields["format"] != FORMAT:
            raise NotACapsule(
                f"{path} is a {fields['format']!r} and this version reads {FORMAT!r}: use the version that made it"
            )
        plain = {name: value for name, value in fields.items() if name in Capsule.__struct_fields__}
        plain["packets"] = _packets(fields)
        return msgspec.convert(plain, Capsule)
    except NotACapsule:
        raise
    # cbor2 lets errors of Python's own types through, for whatever bytes there are.
    except Exception as error:
        raise NotACapsule(f"{path} is not a whole capsule: {type(error).__name__}: {error}") from error


def _packets(fields: Mapping[str, Any]) -> dict[str, Packet]:
    if "record" not in fields:
        return {}
    numbers, kinds = fields["numbers"], fields["kinds"]
    return {
        stream: Packet(packet.typ, packet.frames, numbers[stream], PacketKind(kinds[stream]))
        for stream, packet in record_of(fields["record"]).streams.items()
    }
