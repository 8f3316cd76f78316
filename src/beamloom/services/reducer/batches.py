"""A batch of results as it comes over the wire."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
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
    head: bytes | memoryview
    """Empty for None."""
    large: Sequence[Any]
    """The frames of its large arrays."""
    merged: list[Range]
    """The events that were merged into it; none where it is that of one event."""


class Batch:
    """The results of a batch by their places in it, with the frames that they came with."""

    def __init__(self, results: Results, buffers: Sequence[Any]) -> None:
        self.spans = results.spans
        count = sum(stop - first for _, _, first, stop in results.spans)
        self.sizes = results.sizes * count if len(results.sizes) == 1 else results.sizes
        """Bytes of each result; 0 for None."""
        self.combined = results.combined
        """The ranges of events that were merged into each result; empty when none were."""
        starts = itertools.accumulate(self.sizes, initial=0)
        blob = buffers[0] if isinstance(buffers[0], bytes) else memoryview(buffers[0])
        self.heads = [blob[begin:end] for begin, end in itertools.pairwise(starts)]
        """Each encoded result."""
        self.spoken = dict(results.feedback)
        """What was said with results, by their places."""
        self.has_large = bool(results.buffers)
        """Whether any result has large arrays."""
        self._buffers = buffers
        self._first_buffers = list(itertools.accumulate(results.buffers, initial=1))

    def large(self, place: int) -> Sequence[Any]:
        """The frames of a result's large arrays."""
        if not self.has_large:
            return ()
        return self._buffers[self._first_buffers[place] : self._first_buffers[place + 1]]

    def events(self, place: int) -> tuple[int, ...]:
        """The events that were merged into it; none where it is that of one event."""
        if not self.combined:
            return ()
        return tuple(event for first, stop in self.combined[place] for event in range(first, stop))

    def entry(self, place: int, slot: int, epoch: int, event: int) -> Entry:
        """All of one result."""
        merged = self.combined[place] if self.combined else []
        return Entry(slot, event, epoch, self.heads[place], self.large(place), merged)


def decoder_of(arm: Arm, settings: ReducerSettings) -> Decoder:
    """What decodes the results of a run: the classes of which they are made may be imported from the analyses' packages."""
    return Decoder(trusted_packages=trusted_packages(arm, settings), allow_pickle=settings.allow_pickle)


def trusted_packages(arm: Arm, settings: ReducerSettings) -> set[str]:
    """The packages of the analyses of a run, as far as the settings vouch for them: ``arm`` may be anybody's.

    Those are the reducer class' own, ``result_packages``, and what lies in ``analysis_path``.
    """
    return result_packages(arm.analyses, settings)


def result_packages(analyses: Iterable[str], settings: ReducerSettings) -> set[str]:
    """The same of these analyses."""
    own = {_package(settings.reducer_class)} if settings.reducer_class else set()
    named = set(map(_package, analyses)) - own
    below = {package for package in named if _lies_in(package, settings.analysis_path)}
    return own | set(settings.result_packages) | below


def _lies_in(package: str, folder: str) -> bool:
    return package.isidentifier() and PathFinder.find_spec(package, [os.path.realpath(folder)]) is not None


def _package(reference: str) -> str:
    """The top-level package of a user's class: the classes of results may be imported from there."""
    return reference.partition(":")[0].partition(".")[0]
