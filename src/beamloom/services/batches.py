"""A batch of results as it comes over the wire, one result after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from beamloom.engine.ranges import Range
from beamloom.settings import ReducerSettings
from beamloom.transport.codec import Decoder
from beamloom.transport.messages import Arm, Results

TAKEN_IN_PART = (
    "it came merged with events that had been reduced already, so that it could not be taken; run it again, and tell the developers how "
    "it came to this"
)
"""What is said of events that were merged with others that are in the result without them."""


class Entry(NamedTuple):
    """One result of a batch, still encoded."""

    slot: int
    event: int
    epoch: int
    head: memoryview
    """Empty for None."""
    large: Sequence[Any]
    """The frames of its large arrays."""
    merged: list[Range]
    """The events that were merged into it; none where it is that of one event."""


def entries(results: Results, buffers: Sequence[Any]) -> Iterator[Entry]:
    """The results of a batch that came with these frames."""
    blob = memoryview(buffers[0])
    same_slot = results.slots[0] if len(results.slots) == 1 else None
    same_epoch = results.epochs[0] if len(results.epochs) == 1 else None
    at, next_buffer = 0, 1
    for i, event in enumerate(results.events):
        size = results.sizes[i]
        count = results.buffers[i] if results.buffers else 0
        yield Entry(
            same_slot if same_slot is not None else results.slots[i],
            event,
            same_epoch if same_epoch is not None else results.epochs[i],
            blob[at : at + size],
            buffers[next_buffer : next_buffer + count],
            results.combined[i] if results.combined else [],
        )
        at += size
        next_buffer += count


def decoder_of(arm: Arm, settings: ReducerSettings) -> Decoder:
    """What decodes the results of a run: the classes of which they are made may be imported from the analyses' packages."""
    return Decoder(trusted_packages=trusted_packages(arm, settings), allow_pickle=settings.allow_pickle)


def trusted_packages(arm: Arm, settings: ReducerSettings) -> set[str]:
    """The packages of the analyses of a run."""
    references = [reference for reference in (*arm.analyses, settings.reducer_class or "") if reference]
    return {_package(reference) for reference in references}


def _package(reference: str) -> str:
    """The top-level package of a user's class: the classes of results may be imported from there."""
    return reference.partition(":")[0].partition(".")[0]
