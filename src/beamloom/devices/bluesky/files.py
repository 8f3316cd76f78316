"""Rows of a Bluesky stream whose data are in files: what ``stream_resource`` and ``stream_datum`` documents say of them.

A stream resource is a file, or a part of one, that holds one data key; a stream datum says which of its indices are which rows
(``seq_nums``) of the stream. Detectors that write by themselves, in fly scans above all, send nothing else. A row is there when each data
key of its descriptor that is in files has it; datums of different keys may come in any order and in blocks of any length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from beamloom.devices.fields import MalformedPacket

MOST_ROWS: Final = 1_000_000
"""Rows of the longest datum that is believed: each becomes a packet."""
RESOURCES_KEPT: Final = 1000
"""Files of which it is remembered what they hold."""
SPANS_KEPT: Final = 256
"""Blocks of rows of one data key that are remembered; blocks that follow on each other are one."""

Range = tuple[int, int]


class _Span(msgspec.Struct):
    """Rows [first, stop) are the indices from ``index`` on of one resource."""

    first: int
    stop: int
    index: int
    resource: Mapping[str, Any]


class FileRows:
    """What is in files of the streams of one run."""

    def __init__(self) -> None:
        self._resources: dict[str, dict[str, Any]] = {}
        self._spans: dict[str, dict[str, list[_Span]]] = {}
        self._done: dict[str, list[Range]] = {}

    def add_resource(self, document: Mapping[str, Any]) -> None:
        """A file is named. Raises MalformedPacket."""
        uid, key = document.get("uid"), document.get("data_key")
        if not isinstance(uid, str) or not isinstance(key, str):
            raise MalformedPacket("the stream_resource has no uid or no data_key")
        wanted = ("uri", "mimetype", "parameters")
        self._resources[uid] = {
            "data_key": key,
            "resource": uid,
            **{name: document[name] for name in wanted if name in document},
        }
        if len(self._resources) > RESOURCES_KEPT:
            del self._resources[next(iter(self._resources))]

    def add_datum(self, document: Mapping[str, Any]) -> tuple[str, Range]:
        """Rows are there: returns their descriptor and range. Raises MalformedPacket."""
        resource = self._resources.get(str(document.get("stream_resource")))
        if resource is None:
            raise MalformedPacket(
                f"a stream_datum came whose stream_resource {str(document.get('stream_resource'))[:60]!r} did not come before it"
            )
        indices = _range(document.get("indices"), "indices")
        rows = (indices[0] + 1, indices[1] + 1)
        numbered = document.get("seq_nums")
        if isinstance(numbered, Mapping) and numbered.get("start"):
            rows = _range(numbered, "seq_nums")
        if rows[1] - rows[0] != indices[1] - indices[0] or rows[0] < 1:
            raise MalformedPacket(f"the stream_datum has the indices {indices} for the rows {rows}")
        descriptor, key = str(document.get("descriptor")), str(resource["data_key"])
        spans = self._spans.setdefault(descriptor, {}).setdefault(key, [])
        last = spans[-1] if spans else None
        if (
            last is not None
            and last.resource is resource
            and (last.stop, last.index + last.stop - last.first) == (rows[0], indices[0])
        ):
            last.stop = rows[1]
        else:
            spans.append(_Span(rows[0], rows[1], indices[0], resource))
            del spans[:-SPANS_KEPT]
        return descriptor, rows

    def complete(self, descriptor: str, keys: Mapping[str, Any], rows: Range) -> Iterator[int]:
        """Those of ``rows`` that all ``keys`` have, each once in a run."""
        ranges = [rows]
        for key in keys:
            spans = self._spans.get(descriptor, {}).get(key, [])
            ranges = [
                (max(a, span.first), min(b, span.stop))
                for a, b in ranges
                for span in spans
                if span.first < b and span.stop > a
            ]
        for a, b in sorted(ranges):
            for row in range(a, b):
                if self._first_time(descriptor, row):
                    yield row

    def _first_time(self, descriptor: str, row: int) -> bool:
        done = self._done.setdefault(descriptor, [])
        if any(a <= row < b for a, b in done):
            return False
        if done and done[-1][1] == row:
            done[-1] = (done[-1][0], row + 1)
        else:
            done.append((row, row + 1))
            del done[:-SPANS_KEPT]
        return True

    def is_done(self, descriptor: str, row: Any) -> bool:
        """Whether ``complete`` has given this row."""
        return isinstance(row, int) and any(a <= row < b for a, b in self._done.get(descriptor, ()))

    def of_row(self, descriptor: str, row: int) -> dict[str, dict[str, Any]]:
        """For each data key that has this row in a file: ``uri``, ``mimetype``, ``parameters``, ``resource`` (its uid) and ``index``."""
        found: dict[str, dict[str, Any]] = {}
        for key, spans in self._spans.get(descriptor, {}).items():
            for span in reversed(spans):
                if span.first <= row < span.stop:
                    told = {name: value for name, value in span.resource.items() if name != "data_key"}
                    found[key] = {**told, "index": span.index + row - span.first}
                    break
        return found


def keys_in_files(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """The data keys of a descriptor whose values are in files that stream datums tell of."""
    keys = descriptor.get("data_keys")
    if not isinstance(keys, Mapping):
        return {}
    return {
        name: key
        for name, key in keys.items()
        if isinstance(key, Mapping) and str(key.get("external", "")).startswith("STREAM")
    }


def _range(value: Any, name: str) -> Range:
    if not isinstance(value, Mapping):
        raise MalformedPacket(f"the stream_datum has no {name}")
    start, stop = value.get("start"), value.get("stop")
    if not (type(start) is int and type(stop) is int and 0 <= start <= stop):
        raise MalformedPacket(f"the stream_datum has the {name} {start!r} to {stop!r}")
    if stop - start > MOST_ROWS:
        raise MalformedPacket(f"the stream_datum has {stop - start} rows; at most {MOST_ROWS} are read")
    return start, stop
