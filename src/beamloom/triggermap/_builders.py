"""Trigger maps for the usual scans.

Every map is kept compact: a long scan is one part of about a thousand events, repeated, so that a scan of ten million points is
as small as one of a thousand. As constraints mean other workers in each occurrence of a part, the repeats change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from beamloom.triggermap._map import TriggerMap
from beamloom.triggermap._model import Repeat, TriggerMapError
from beamloom.triggermap._part import Column, Part, Slot

_PART_EVENTS = 1000
"""Length of the part that a long scan repeats, unless the scan's own period is longer."""


def uniform(streams: Sequence[str], n: int, *, all_wrap: bool = True) -> TriggerMap:
    """Every stream has a packet at each of ``n`` events; each event goes to the next free worker."""
    return batched(streams, n, 1, all_wrap=all_wrap)


def batched(streams: Sequence[str], n: int, size: int, *, all_wrap: bool = True) -> TriggerMap:
    """As ``uniform``, with ``size`` consecutive events to the same worker; event i has the constraint ``i // size``.

    The last batch is shorter where ``size`` does not divide ``n``.
    """
    return sparse(streams, n, {}, size=size, all_wrap=all_wrap)


def overlapping(streams: Sequence[str], n: int, share: int = 1, *, all_wrap: bool = True) -> TriggerMap:
    """Windows of ``share + 1`` consecutive frames, each window seen whole by one worker, for differences in time.

    There are ``n`` events and ``n - share`` windows. Window c, which is constraint c with ``share <= c < n``, has the frames
    ``c - share`` to c. So frame i goes to the workers of the constraints from ``max(i, share)`` to ``min(i + share, n - 1)``: with
    ``share`` 1 the pairs (0, 1), (1, 2), ... An event in the middle has ``share + 1`` constraints and needs as many workers.
    """
    _check_streams(streams)
    _check_count("share", share)
    if n <= share:
        raise TriggerMapError(
            f"{n} events have no window of {share + 1} consecutive frames; give n of at least {share + 1}"
        )
    frame = np.arange(n)
    first, last = np.maximum(frame, share), np.minimum(frame + share, n - 1)
    sizes = last - first + 1
    before = np.cumsum(sizes) - sizes
    constraints = np.arange(int(sizes.sum())) - np.repeat(before - first, sizes)
    templates = [(Slot(("generic",), True),) * (size + 1) for size in range(int(sizes.max()))]
    column = Column(templates, sizes - 1, constraints)
    return TriggerMap({"main": Part(dict.fromkeys(streams, column))}, ["main"], all_wrap=all_wrap)


def sparse(
    streams: Sequence[str],
    n: int,
    every: Mapping[str, int],
    *,
    size: int = 1,
    debug_every: int | None = None,
    all_wrap: bool = True,
) -> TriggerMap:
    """As ``batched``, with streams that are slower than the trigger.

    A stream in ``every`` has a packet only at the last of each ``every[stream]`` events, the others at each event. To bring a
    slow packet and all events that it stands for to the same worker, give ``size`` the same number. With ``debug_every`` the last
    of each so many events goes to the workers with the tag debug, too.
    """
    _check_streams(streams)
    _check_count("n", n)
    _check_count("size", size)
    _check_intervals(streams, every)
    _check_debug(debug_every)
    period = math.lcm(size, debug_every or 1, *every.values())
    repeats, rest = divmod(n, period * max(1, _PART_EVENTS // period))
    length = (n - rest) // max(repeats, 1)
    parts = {}
    if repeats:
        parts["main"] = _sparse_part(streams, length, every, size, debug_every)
    if rest:
        parts["rest" if repeats else "main"] = _sparse_part(streams, rest, every, size, debug_every)
    sequence = [Repeat("main", max(repeats, 1))] + ([Repeat("rest")] if repeats and rest else [])
    return TriggerMap(parts, sequence, all_wrap=all_wrap)


def burst(
    streams: Sequence[str],
    points: int,
    frames: int,
    record: Collection[str],
    *,
    size: int = 1,
    all_wrap: bool = True,
) -> TriggerMap:
    """A scan that takes a burst of ``frames`` frames at each of ``points`` points.

    The streams in ``record`` (the scan software) send one record per point, with the last frame of its burst; the others send
    every frame. Give ``size=frames`` to bring a whole burst to one worker.
    """
    _check_count("points", points)
    _check_count("frames", frames)
    return sparse(streams, points * frames, dict.fromkeys(record, frames), size=size, all_wrap=all_wrap)


def open_ended(
    streams: Sequence[str],
    *,
    batch: int = 1,
    every: Mapping[str, int] | None = None,
    debug_every: int | None = None,
    all_wrap: bool = True,
) -> TriggerMap:
    """As ``sparse`` with batches of ``batch``, until told to stop."""
    every = every or {}
    _check_streams(streams)
    _check_count("batch", batch)
    _check_intervals(streams, every)
    _check_debug(debug_every)
    length = math.lcm(batch, debug_every or 1, *every.values())
    part = _sparse_part(streams, length, every, batch, debug_every)
    return TriggerMap({"main": part}, [Repeat("main", None)], all_wrap=all_wrap)


def _sparse_part(
    streams: Sequence[str], length: int, every: Mapping[str, int], size: int, debug_every: int | None
) -> Part:
    event = np.arange(length)
    worker = Slot(("generic",), True)
    templates = [None, (worker,)] + ([] if debug_every is None else [(Slot(("debug",), False), worker)])
    seen = np.zeros(length, bool) if debug_every is None else event % debug_every == debug_every - 1
    columns = {}
    for stream in streams:
        interval = every.get(stream, 1)
        present = event % interval == interval - 1
        template = present.astype(np.uint8) + (present & seen)
        columns[stream] = Column(templates, template, (event // size)[present])
    return Part(columns)


def _check_streams(streams: Sequence[str]) -> None:
    if isinstance(streams, str):
        raise TriggerMapError(f"streams is a list of names; write [{streams!r}]")
    if not streams:
        raise TriggerMapError("the trigger map has no streams; name at least one")


def _check_count(name: str, number: int) -> None:
    if number < 1:
        raise TriggerMapError(f"{name} is {number}; it must be at least 1")


def _check_debug(debug_every: int | None) -> None:
    if debug_every is not None:
        _check_count("debug_every", debug_every)


def _check_intervals(streams: Sequence[str], every: Mapping[str, int]) -> None:
    unknown = [stream for stream in every if stream not in streams]
    if unknown:
        raise TriggerMapError(
            f"'every' names {unknown[0]!r}, which is not among the streams {', '.join(streams)}"
        )
    for stream, interval in every.items():
        _check_count(f"every[{stream!r}]", interval)
