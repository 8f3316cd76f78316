"""Which recordings belong together, and what lies beside them, where nothing in the repository says so."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import PurePosixPath
from typing import Final

from beamloom.errors import UserError
from beamloom.migrating.repository import Repository
from beamloom.migrating.told import Remark
from beamloom.recordings import NotARecording, RecordingReader

_RUN: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ASKED: Final = ("mapping-", "parameters-", "epochs-", "detectors-", "ended-", "analysis-")
"""What lies beside a recording by the name of its run, and is found by the replay."""
PUBLISHED: Final = (".h5", ".hdf5", ".nxs")


def sets_of_recordings(repository: Repository) -> tuple[list[tuple[str, ...]], list[Remark]]:
    """The recordings of one run each: by the run in their names, else files of one folder that have different streams."""
    remarks: list[Remark] = []
    by_run: dict[tuple[str, str], list[str]] = defaultdict(list)
    streams_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name in repository.recordings:
        streams = _streams(repository, name, remarks)
        if streams is None:
            continue
        folder, run = str(PurePosixPath(name).parent), _RUN.search(name)
        if run is not None:
            key = folder, run[0].lower()
        else:
            numbered = ((folder, str(number)) for number in count())
            key = next(one for one in numbered if not streams & streams_of[one])
        by_run[key].append(name)
        streams_of[key] |= streams
    return [tuple(names) for names in by_run.values()], remarks


def _streams(repository: Repository, name: str, remarks: list[Remark]) -> set[str] | None:
    """The streams of the first records; None where it is no recording."""
    path = repository.path / name
    try:
        reader = RecordingReader(path, allow_pickle=True)
        found: set[str] = set()
        for number, record in enumerate(reader):
            found |= set(record.streams)
            if number > 20:
                break
        return found
    except NotARecording:
        sentence = (
            "holds no records: if a device sent what is in it, 'beamloom inspect' shows it and 'beamloom simulate' "
            "plays it"
        )
    except (UserError, OSError, ValueError) as error:
        sentence = f"cannot be read: {error}"
    remarks.append(Remark(level="attention", what="recordings", file=name, sentence=sentence))
    return None


def beside(repository: Repository, files: Sequence[str]) -> Iterator[str]:
    """The other files in the folders of these recordings."""
    folders = {PurePosixPath(file).parent for file in files}
    yield from (name for name in repository.names if PurePosixPath(name).parent in folders)


def parameters_beside(repository: Repository, files: Sequence[str]) -> str | None:
    """The one file of parameters that lies there, or at the top; None where the run has its own, or there is a choice."""
    if any(_RUN.search(name) and "parameters-" in name for name in beside(repository, files)):
        return None
    for place in (list(beside(repository, files)), [name for name in repository.names if "/" not in name]):
        found = [
            name
            for name in place
            if "param" in PurePosixPath(name).name.lower()
            and name.endswith((".json", ".cbor", ".pkl", ".pickle"))
            and not PurePosixPath(name).name.startswith(_ASKED)
        ]
        if len(found) == 1:
            return found[0]
    return None


def published_beside(repository: Repository, files: Sequence[str]) -> str | None:
    """A file of results beside the recordings: the one of their name, else the only one; None where there is a choice."""
    found = [name for name in beside(repository, files) if name.lower().endswith(PUBLISHED)]
    stems = {PurePosixPath(file).name.partition(".")[0] for file in files}
    named = [name for name in found if PurePosixPath(name).name.partition(".")[0] in stems]
    return next((some[0] for some in (named, found) if len(some) == 1), None)
