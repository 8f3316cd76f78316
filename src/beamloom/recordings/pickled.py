"""The old format: a sequence of pickled ``dranspose.event.InternalWorkerMessage``.

They are read without dranspose, by an unpickler that makes plain stand-ins for the few classes that belong into a record and
refuses every other name, so that a file cannot run code.
"""

from __future__ import annotations

import datetime as dt
import gzip
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from beamloom.events import Packet
from beamloom.recordings.format import Record
from beamloom.recordings.source import GZIP_MAGIC

_PROTO = 0x80
"""Opcode that opens a pickle of protocol 2 and later; in CBOR the same byte is an empty array, which is no record."""


def is_pickle(start: bytes) -> bool:
    """Whether a file that starts with these two bytes is a pickle."""
    return len(start) == 2 and start[0] == _PROTO and 2 <= start[1] <= pickle.HIGHEST_PROTOCOL


class _Model:
    """Stands in for one of dranspose's pydantic models: keeps the fields that were pickled."""

    fields: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        fields = state.get("__dict__", state) if isinstance(state, dict) else None
        if not isinstance(fields, dict):
            raise ValueError("a pickled model has no fields")
        self.fields = fields


class _Message(_Model):
    pass


class _StreamData(_Model):
    pass


def _pydantic_zone(seconds: float | None = 0) -> dt.timezone:
    return dt.timezone(dt.timedelta(seconds=seconds or 0))


def _new_object(cls: Any, *arguments: Any) -> Any:
    return cls.__new__(cls, *arguments)


def _latin1(characters: Any, encoding: Any) -> bytes:
    """Stands in for ``_codecs.encode``, by which protocol 2 writes bytes."""
    return str(characters).encode("latin1")


_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("dranspose.event", "InternalWorkerMessage"): _Message,
    ("dranspose.event", "StreamData"): _StreamData,
    ("dranspose.protocol", "EventNumber"): int,
    ("dranspose.protocol", "StreamName"): str,
    ("dranspose.protocol", "ZmqMessage"): bytes,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("builtins", "bytearray"): bytearray,
    ("_codecs", "encode"): _latin1,
    ("copyreg", "__newobj__"): _new_object,
    ("datetime", "datetime"): dt.datetime,
    ("datetime", "timedelta"): dt.timedelta,
    ("datetime", "timezone"): dt.timezone,
    ("pydantic_core._pydantic_core", "TzInfo"): _pydantic_zone,
}


class _RecordUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise ValueError(f"it holds a {module}.{name}, which is not part of a record") from None


def read_pickled(path: Path) -> Iterator[tuple[Record, int]]:
    """Records, and where each ends in the uncompressed content.

    Raises EOFError when the file breaks off inside a record, ValueError when an item is not a record.
    """
    with path.open("rb") as raw:
        compressed = raw.peek(2)[:2] == GZIP_MAGIC
        file: BinaryIO = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if compressed else raw
        while True:
            start = file.tell()
            if not file.read(1):
                return
            file.seek(start)
            yield _load(file), file.tell()


def _load(file: BinaryIO) -> Record:
    try:
        message = _RecordUnpickler(file).load()
    except (EOFError, ValueError):
        raise
    except pickle.UnpicklingError as error:
        if "truncated" in str(error):
            raise EOFError(str(error)) from error
        raise ValueError(str(error)) from error
    except (TypeError, AttributeError, KeyError, IndexError, ImportError, OverflowError) as error:
        raise ValueError(f"the pickle is damaged ({error})") from error
    return _record(message)


def _record(message: Any) -> Record:
    if not isinstance(message, _Message):
        raise ValueError(f"it holds a {type(message).__name__} instead of a record")
    try:
        packets = {
            str(stream): Packet(str(part.fields["typ"]), [bytes(frame) for frame in part.fields["frames"]])
            for stream, part in message.fields["streams"].items()
        }
        return Record(int(message.fields["event_number"]), packets, message.fields.get("created_at"))
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"a pickled record lacks a part ({error})") from error
