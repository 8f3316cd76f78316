"""A batch that is cut has each of its results in exactly one share, with all that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from beamloom.engine.feedback import Spoken
from beamloom.services.reducer.batches import Batch
from beamloom.services.reducer.leaves.cutting import count_of, cut
from beamloom.transport.messages import Results


@st.composite
def batches(draw: st.DrawFn) -> tuple[Results, list[bytes]]:
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    spans, event = [], 0
    for slot, length in enumerate(lengths):
        spans.append((slot, draw(st.integers(0, 2)), event, event + length))
        event += length + draw(st.integers(0, 3))
    count = sum(lengths)
    alike = draw(st.booleans())
    heads = [b"x" * 3] * count if alike else [bytes([n]) * draw(st.integers(0, 4)) for n in range(count)]
    large = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)) if draw(st.booleans()) else []
    frames = [bytes([number]) * 8 for number in range(sum(large))]
    combined = [[(n, n + 1)] if n % 2 else [] for n in range(count)] if draw(st.booleans()) else []
    said = [(place, [Spoken("kind", b"1", 0.0, place)]) for place in draw(st.sets(st.integers(0, count - 1)))]
    sizes = [3] if alike else [len(head) for head in heads]
    results = Results("run", 7, spans, sizes, large, combined, [1, 2], sorted(said, key=lambda one: one[0]))
    return results, [b"".join(heads), *frames]


def told(results: Results, buffers: Sequence[Any]) -> Iterator[Any]:
    batch, place = Batch(results, buffers), 0
    for slot, epoch, first, stop in results.spans:
        for event in range(first, stop):
            large = [bytes(one) for one in batch.large(place)]
            said = [one.event for one in batch.spoken.get(place, [])]
            yield slot, epoch, event, bytes(batch.heads[place]), large, batch.events(place), said
            place += 1


@given(batches(), st.integers(1, 7))
def test_the_shares_of_a_batch_are_the_batch(one: tuple[Results, list[bytes]], shares: int) -> None:
    results, buffers = one
    parts = cut(results, buffers, shares)
    assert 1 <= len(parts) <= shares
    assert [each for part in parts for each in told(*part)] == list(told(results, buffers))
    counts = [count_of(part) for part, _ in parts]
    assert min(counts) > 0
    assert len(parts) in (1, min(shares, count_of(results)))
    assert {(part.run, part.sequence, tuple(part.split)) for part, _ in parts} == {("run", 7, (1, 2))}
