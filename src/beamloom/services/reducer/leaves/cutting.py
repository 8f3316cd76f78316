"""A batch of results cut into shares, so that several reduce it at the same time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from beamloom.transport.messages import Results, ResultSpan

Share = tuple[Results, list[Any]]
"""Results as a message, and its frames."""


def count_of(results: Results) -> int:
    """How many results, or deliveries without one, a batch has."""
    return sum(stop - first for _, _, first, stop in results.spans)


def cut(results: Results, buffers: Sequence[Any], shares: int) -> list[Share]:
    """The batch in so many consecutive parts of about the same number of results, or fewer; none is empty, and no frame is copied."""
    count = count_of(results)
    if min(shares, count) <= 1:
        return [(results, list(buffers))]
    borders = [count * number // shares for number in range(shares + 1)]
    sizes = results.sizes * count if len(results.sizes) == 1 else results.sizes
    begins = list(itertools.accumulate(sizes, initial=0))
    frames = list(itertools.accumulate(results.buffers or [0] * count, initial=1))
    blob = memoryview(buffers[0])
    return [
        (
            msgspec.structs.replace(
                results,
                spans=list(_within(results.spans, first, stop)),
                sizes=sizes[first:stop],
                buffers=results.buffers[first:stop],
                combined=results.combined[first:stop],
                feedback=[(place - first, said) for place, said in results.feedback if first <= place < stop],
            ),
            [blob[begins[first] : begins[stop]], *buffers[frames[first] : frames[stop]]],
        )
        for first, stop in itertools.pairwise(borders)
        if first < stop
    ]


def _within(spans: Sequence[ResultSpan], first: int, stop: int) -> Iterator[ResultSpan]:
    """Those parts of the spans whose results have the places from ``first`` to ``stop``."""
    place = 0
    for slot, epoch, begin, end in spans:
        a, b = max(begin, begin + first - place), min(end, begin + stop - place)
        if a < b:
            yield slot, epoch, a, b
        place += end - begin
