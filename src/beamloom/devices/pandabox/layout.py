"""The header that a PandABox sends when it is armed, and what the rows after it mean by it.

Lines ``key: value``, then ``fields:`` and one line for each captured field: name, type, what was captured of it, and for scaled fields
scale, offset and units. Source: the documentation of PandABlocks-server, "Data Capture".
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

from beamloom.devices.fields import MalformedPacket

_FIELD: Final = re.compile(
    r" (?P<name>\S+) (?P<type>\w+) (?P<capture>.*?)"
    r"(?: scale: (?P<scale>\S+) offset: (?P<offset>\S+) units: ?(?P<units>.*))?"
)

_TYPES: Final = {"int32": "<i4", "uint32": "<u4", "int64": "<i8", "double": "<f8"}

_UNNAMED_BYTES: Final = 4
"""Servers before 2.1 put the sample count in front of raw samples without naming it."""


class Column(msgspec.Struct, frozen=True):
    """One captured field."""

    name: str
    """Block and signal: ``INENC2.VAL``."""
    type: str
    """``uint32``, ``int32``, ``int64`` or ``double``."""
    capture: str
    """What was captured of it: ``Value``, ``Mean``, ``Min``, ``Max``, ``Diff``, ..."""
    scale: float | None = None
    offset: float | None = None
    units: str = ""

    @property
    def label(self) -> str:
        """Name and capture: ``INENC2.VAL.Mean``."""
        return f"{self.name}.{self.capture}"


class Layout:
    """What the header of one arm says."""

    def __init__(self, text: str) -> None:
        """Raises MalformedPacket for a text that is no header."""
        head, found, fields = text.partition("fields:\n")
        if not found:
            raise MalformedPacket("the header has no line 'fields:'")
        self.head = dict(_key_and_value(line) for line in head.splitlines())
        self.columns = tuple(map(_column, filter(None, fields.splitlines())))
        self.labels = tuple(column.label for column in self.columns)
        if not self.columns:
            raise MalformedPacket("the header names no fields")
        self.missed = _count(self.head.get("missed", "0"))
        """Rows of this arm that the box did not remember any more when somebody connected."""
        self.arm_time = _utc(self.head.get("arm_time"))
        self.is_text = self.head.get("format", "ASCII") == "ASCII"
        """Whether a row is a line of text; else it is packed."""
        self._numbers = tuple(int if "int" in column.type else float for column in self.columns)
        self._sample = None if self.is_text else self._sample_type()

    @property
    def sample_bytes(self) -> int:
        """Size of a packed row; 0 when rows are text."""
        return self._sample.itemsize if self._sample is not None else 0

    def values(self, row: Any) -> dict[str, int | float]:
        """The values of a row by label. Raises MalformedPacket."""
        return dict(
            zip(self.labels, self._read_text(row) if self.is_text else self._read_packed(row), strict=True)
        )

    def _read_text(self, row: Any) -> list[int | float]:
        words = bytes(row).split()
        if len(words) != len(self._numbers):
            raise MalformedPacket(
                f"the row has {len(words)} values, the header names {len(self._numbers)} fields"
            )
        try:
            return [number(word) for number, word in zip(self._numbers, words, strict=True)]
        except ValueError as error:
            raise MalformedPacket(f"the row holds something else than numbers: {error}") from None

    def _read_packed(self, row: Any) -> tuple[int | float, ...]:
        if self._sample is None or len(row) != self._sample.itemsize:
            raise MalformedPacket(f"the row has {len(row)} bytes, by the header it has {self.sample_bytes}")
        values: tuple[int | float, ...] = np.frombuffer(row, self._sample)[0].item()
        return values[len(values) - len(self.columns) :]

    def _sample_type(self) -> np.dtype[Any]:
        try:
            types = [_TYPES[column.type] for column in self.columns]
        except KeyError as error:
            raise MalformedPacket(f"the header names a type {error} whose size is not known") from None
        named = sum(np.dtype(each).itemsize for each in types)
        size = _count(self.head.get("sample_bytes", "0"))
        if size == named + _UNNAMED_BYTES:
            types.insert(0, "<u4")
        elif size != named or not named:
            raise MalformedPacket(
                f"the header says {size} bytes for a row, its {len(types)} fields take {named}"
            )
        return np.dtype([(f"f{index}", each) for index, each in enumerate(types)])


def _key_and_value(line: str) -> tuple[str, str]:
    key, found, value = line.partition(": ")
    if not found and not line.endswith(":"):
        raise MalformedPacket(f"the header has a line that is no 'key: value': {line[:80]!r}")
    return key.removesuffix(":"), value


def _column(line: str) -> Column:
    found = _FIELD.fullmatch(line)
    if found is None:
        raise MalformedPacket(f"the header describes a field in an unknown way: {line[:80]!r}")
    try:
        scale, offset = (None if found[key] is None else float(found[key]) for key in ("scale", "offset"))
    except ValueError:
        raise MalformedPacket(f"the header has a scale or offset that is no number: {line[:80]!r}") from None
    return Column(found["name"], found["type"], found["capture"], scale, offset, found["units"] or "")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise MalformedPacket(f"the header says {text[:80]!r} where a count belongs")
    return int(text)


def _utc(text: str | None) -> datetime | None:
    """Older servers send no time, some write it in a form of their own; neither is a reason to refuse the rows."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@functools.lru_cache(maxsize=64)
def read_layout(header: bytes) -> Layout:
    """What the header says; quick for one that was read before. Raises MalformedPacket."""
    try:
        return Layout(header.decode())
    except UnicodeDecodeError as error:
        raise MalformedPacket(f"the header is no text: {error}") from None
