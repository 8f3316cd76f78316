"""The recording in the new repository: whole with all that belongs to it, or its beginning where it is large.

What is cut off leaves the recorded trigger map behind, which speaks of more events than are there.
"""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from beamloom.errors import UsageError
from beamloom.events import Packet
from beamloom.recordings import Record, RecordingWriter, find_companions
from beamloom.recordings.runs import records_of
from beamloom.replay._feeds import FileFeed

WHOLE_BYTES: Final = 32_000_000
"""Recordings of no more are copied as they are."""
EXCERPT_BYTES: Final = 8_000_000
LOOKED_AT: Final = 300
"""Events that are looked at, to see what streams are made of."""


def events_of(files: Sequence[Path]) -> Iterator[tuple[int, Mapping[str, Packet]]]:
    """The records of all files, by event; those of one event come one after the other. Raises a UserError for what is no recording."""
    feeds = [FileFeed(path) for path in files]
    records = [(record for run in feed.runs() for record in records_of(run)) for feed in feeds]
    for record in heapq.merge(*records, key=lambda one: one.event_number):
        yield record.event_number, {name: packet.get_bytes() for name, packet in record.streams.items()}


def bring(files: Sequence[Path], folder: Path) -> str:
    """Copy the recording, or its beginning, into ``folder``; returns a sentence on what was brought."""
    folder.mkdir()
    if sum(path.stat().st_size for path in files) <= WHOLE_BYTES:
        for path in dict.fromkeys([*files, *(one for file in files for one in _beside(file))]):
            shutil.copyfile(path, folder / path.name)
        return "the whole recording"
    last, held = -1, 0
    for number, streams in events_of(files):
        if number != last and held > EXCERPT_BYTES:
            break
        last = number
        held += sum(packet.nbytes for packet in streams.values())
    for index, path in enumerate(files):
        with RecordingWriter(folder / f"excerpt-{index}.cbors") as writer:
            for number, streams in events_of([path]):
                if number > last:
                    break
                writer.write(Record(number, dict(streams)))
    return f"the recording up to event {last}, without its trigger map"


def check_one_run(files: Sequence[Path]) -> None:
    """Raises a UsageError where these are recordings of different runs, or none."""
    runs = {companions.run for companions in map(find_companions, files)} - {None}
    if len(runs) > 1:
        raise UsageError(
            f"these recordings are of {len(runs)} different runs ({', '.join(sorted(map(str, runs)))}); name the files of one run"
        )


def _beside(recording: Path) -> list[Path]:
    found = find_companions(recording)
    every = (found.map_path, found.parameters_path, found.epochs_path, found.detectors_path)
    return [path for path in every if path is not None]
