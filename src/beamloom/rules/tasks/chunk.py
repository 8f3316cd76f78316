"""What a task is given: its chunk of frames, and where it may write."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from beamloom.rules.arrays import Array
from beamloom.rules.cutting import Cut, with_halo
from beamloom.rules.errors import RuleError
from beamloom.rules.files import sync
from beamloom.rules.places import check
from beamloom.rules.sources import OfEvents, Source
from beamloom.rules.spec import Part, Setup, Staged, Work
from beamloom.texts import encodable


class Desk:
    """Where a task writes files: under names that nobody reads until the attempt counts."""

    def __init__(self, setup: Setup, work: Work) -> None:
        lease = work.lease
        self._folder = setup.spec.work
        # Dask begins a chunk again, under the same attempt, when it has lost sight of a worker that may still be at it.
        begun = secrets.token_hex(4)
        self._prefix = f"{'gathered' if lease.chunk < 0 else f'{lease.chunk:06d}'}.{lease.attempt}.{begun}"
        self._declared = setup.spec.outputs
        self._below = setup.spec.below
        self._staged: list[Staged] = []

    def write(self, key: str, requested: str | Path | None = None) -> Path:
        """Where to write the file ``key`` now; it gets the name ``requested`` (by default the one that the rule declares) when it counts.

        A name that is taken by then is not overwritten: the file becomes ``name_1``, and the steps after find it.
        """
        wanted = self._declared.get(key) if requested is None else str(requested)
        if wanted is None:
            raise RuleError(
                f"the rule declares no output {key!r}; it declares: {', '.join(self._declared) or 'none'}"
            )
        if encodable(wanted) != wanted:
            raise RuleError(
                f"the name {encodable(wanted)!r} of the output {key!r} is no Unicode; give it another one"
            )
        check(wanted, self._below)
        path = self.path(f"{len(self._staged)}-{Path(wanted).name}")
        self._staged.append(Staged(key, str(path), str(Path(wanted).absolute())))
        return path

    def path(self, name: str) -> Path:
        """A name in the step's own folder that no other attempt uses."""
        if not self._folder:
            raise RuleError("this rule has no folder to write to; give it one: work='...'")
        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self._prefix}.{name}"

    def written(self) -> list[Staged]:
        """The files, all of them on the disk. Raises OSError for one that was never written."""
        for one in self._staged:
            sync(Path(one.staged))
        return self._staged


class Chunk:
    """Frames ``start`` up to ``stop`` of a series, read when they are first looked at."""

    def __init__(self, setup: Setup, work: Work, source: Source | None) -> None:
        self.start = work.start
        """The first frame that is to be worked on."""
        self.stop = work.stop
        """The first one that is not."""
        self.desk = Desk(setup, work)
        """Where to write files."""
        self.below = setup.spec.below
        """The folders in and below which alone it may read and write; none: anywhere."""
        self.resolved = setup.resolved
        """What was found out when the rule started."""
        self._read = with_halo(Cut(work.start, work.stop), setup.spec.halo, work.final)
        self._source = source
        self._frames: Array | None = None

    @property
    def frames(self) -> Array:
        """The frames and the halo around them: (frames, y, x). Raises OSError."""
        if self._frames is None:
            if self._source is None:
                raise RuleError("this rule has no source of frames")
            self._frames = self._source.read(*self._read)
        return self._frames

    @property
    def numbers(self) -> Array:
        """The numbers of ``frames`` in their series."""
        return np.arange(*self._read)

    @property
    def events(self) -> Array:
        """Of a recording of a run, the events of ``frames``; else their numbers. Raises OSError."""
        return self._source.events(*self._read) if isinstance(self._source, OfEvents) else self.numbers

    @property
    def inside(self) -> slice:
        """The part of ``frames`` that is to be worked on; what is around it is the halo."""
        return slice(self.start - self._read.start, self.stop - self._read.start)

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known of the series."""
        return {} if self._source is None else self._source.metadata()


class Gathered:
    """What all chunks of a step have left, for the task that puts it together."""

    def __init__(self, setup: Setup, work: Work, source: Source | None) -> None:
        self.failed = work.failed
        """The frames that are missing, as ranges without their ends."""
        self.frames = work.final or 0
        """Frames of the whole series, those that failed included."""
        self.desk = Desk(setup, work)
        """Where to write files."""
        self._parts: list[Part] = work.parts
        self._source = source

    def values(self) -> list[Any]:
        """What the tasks returned, where it was not a table."""
        return [part.value for part in self._parts]

    def tables(self) -> Iterator[Array]:
        """The tables of the chunks, in order. Raises OSError."""
        for part in self._parts:
            if part.file is not None:
                yield np.load(part.file, allow_pickle=False)

    def table(self) -> Array | None:
        """All rows, in the order of the frames; None where no chunk has left a table."""
        tables = list(self.tables())
        return np.concatenate(tables) if tables else None

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known of the series."""
        return {} if self._source is None else self._source.metadata()
