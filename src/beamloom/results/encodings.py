"""The forms in which selected results are sent, and which of them a client accepts (RFC 9110, part 12.5.1)."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from beamloom.errors import UserError
from beamloom.results.arrays import filled, is_array_like
from beamloom.results.arrow import NoArrow, NoTable, to_arrow
from beamloom.results.plain import NotPlain, to_json

PICKLE_PROTOCOL = 4
"""The highest that every Python 3 still in use at beamlines reads."""


class NotAcceptable(UserError):
    """Results cannot be sent in a form that the client accepts."""


@dataclass(frozen=True)
class Encoding:
    """One form of results."""

    name: str
    """As ``?format=`` takes it."""
    media_types: tuple[str, ...]
    """The first is sent, each is accepted."""
    encode: Callable[[list[Any]], bytes]
    """Takes the list of matches. Raises NotAcceptable where they do not fit into this form."""
    compressible: bool

    @property
    def media_type(self) -> str:
        """What the response says it is."""
        return self.media_types[0]


def as_pickle(value: Any) -> bytes:
    """A pickle. Raises NotAcceptable for what cannot be pickled, RuntimeError for what changes meanwhile."""
    try:
        return pickle.dumps(value, PICKLE_PROTOCOL)
    except Exception as error:
        # Pickling runs code of the analysis, which may raise anything.
        if is_changing(error):
            raise
        raise NotAcceptable(
            f"the selected results cannot be pickled ({error}); ask for JSON, or have the reducer publish arrays and numbers."
        ) from error


def as_json(value: Any) -> bytes:
    """JSON as ``plain`` describes it. Raises NotAcceptable for what JSON cannot hold, RuntimeError for what changes meanwhile."""
    try:
        return to_json(value)
    except NotPlain as error:
        raise NotAcceptable(
            f"the selected results cannot be sent as JSON: {error}; select another part, or ask for pickle."
        ) from error


def as_npy(matches: list[Any]) -> bytes:
    """A .npy file of the one match, which must be an array or numbers. Raises NotAcceptable."""
    if len(matches) != 1:
        raise NotAcceptable(
            f"npy holds one array and the path selects {len(matches)} parts; select one, or ask for JSON or pickle."
        )
    array = _numbers(matches[0])
    if array is None:
        raise NotAcceptable(
            f"npy holds an array and the path selects a {_kind(matches[0])}; select numbers or texts, or ask for JSON or pickle."
        )
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def as_arrow(matches: list[Any]) -> bytes:
    """An Arrow IPC stream of the one match, which must be a table. Raises NotAcceptable."""
    if len(matches) != 1:
        raise NotAcceptable(
            f"Arrow holds one table and the path selects {len(matches)} parts; select one, or ask for JSON or pickle."
        )
    try:
        return to_arrow(matches[0])
    except NoTable as error:
        raise NotAcceptable(
            f"the selected part cannot be sent as Arrow: {error}; select a table, or ask for JSON, npy or pickle."
        ) from error
    except NoArrow as error:
        raise NotAcceptable(
            "Arrow needs the package pyarrow where the reducer runs; install it there (pip install 'beamloom[arrow]') and start the "
            "reducer again, or ask for JSON or npy."
        ) from error


def _kind(value: Any) -> str:
    return f"{type(value).__name__} of {value.dtype}" if is_array_like(value) else type(value).__name__


def _numbers(value: Any) -> Any:
    if is_array_like(value):
        array = np.asarray(filled(value[...]))
        return None if array.dtype.hasobject else array
    if isinstance(value, list | tuple | bool | int | float | complex):
        try:
            array = np.asarray(value)
        except ValueError:
            return None
        return array if array.dtype.kind in "biufc" else None
    return None


PICKLE = Encoding(
    "pickle", ("application/x.pickle", "application/x-pickle", "application/python-pickle"), as_pickle, False
)
JSON = Encoding("json", ("application/json", "text/json"), as_json, True)
NPY = Encoding("npy", ("application/x-npy", "application/npy"), as_npy, True)
ARROW = Encoding("arrow", ("application/vnd.apache.arrow.stream",), as_arrow, True)

ENCODINGS = (PICKLE, JSON, NPY, ARROW)
"""In the order in which they are preferred where the client does not mind."""


def acceptable(accept: str | None, name: str | None = None) -> list[Encoding]:
    """The encodings to try, best first, for an ``Accept`` header and a ``?format=`` (which wins).

    One that the client accepts by a wildcard only is tried only as the first: it gets what it expects or an error, never one
    of several forms by the content. Raises NotAcceptable where there is none.
    """
    if name is not None:
        named = [encoding for encoding in ENCODINGS if encoding.name == name]
        if not named:
            raise NotAcceptable(
                f"there is no format {name!r}; ask for one of {', '.join(e.name for e in ENCODINGS)}."
            )
        return named
    ranges = _media_ranges(accept or "*/*")
    qualities = [(encoding, *_quality(encoding, ranges)) for encoding in ENCODINGS]
    accepted = sorted((entry for entry in qualities if entry[1] > 0), key=lambda entry: -entry[1])
    if not accepted:
        raise NotAcceptable(
            f"results cannot be sent as {accept}; accept one of {', '.join(e.media_type for e in ENCODINGS)}."
        )
    return [
        encoding for position, (encoding, _, explicit) in enumerate(accepted) if explicit or position == 0
    ]


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether an ``Accept-Encoding`` header allows gzip."""
    codings = dict(weighted(accept_encoding or ""))
    return codings.get("gzip", codings.get("*", 0.0)) > 0


def _quality(encoding: Encoding, ranges: dict[str, float]) -> tuple[float, bool]:
    """Quality by the most specific range, and whether that names the media type."""
    explicit = [ranges[media_type] for media_type in encoding.media_types if media_type in ranges]
    if explicit:
        return max(explicit), True
    main = encoding.media_type.partition("/")[0]
    return ranges.get(f"{main}/*", ranges.get("*/*", 0.0)), False


def _media_ranges(accept: str) -> dict[str, float]:
    return dict(weighted(accept))


def weighted(header: str) -> list[tuple[str, float]]:
    """The entries of an ``Accept`` header of any kind, in lower case, each with its quality value."""
    entries = []
    for entry in header.split(","):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = 1.0
        for parameter in parameters:
            if match := re.fullmatch(r"q\s*=\s*([01](?:\.\d*)?)", parameter):
                quality = float(match[1])
        if name:
            entries.append((name, quality))
    return entries


_CHANGED = re.compile(r"(changed|mutated)\b.*during iteration")


def is_changing(error: Exception) -> bool:
    """Whether an error says that a container was changed while it was read."""
    return isinstance(error, RuntimeError) and _CHANGED.search(str(error)) is not None
