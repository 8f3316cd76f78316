"""With which classes a run was analysed: kept beside its packets, so that they can be run over them again by name."""

from __future__ import annotations

from pathlib import Path

import msgspec

from beamloom.errors import UsageError
from beamloom.recordings.folder import RecordingNames
from beamloom.whole_files import write_whole


class KeptAnalysis(msgspec.Struct, frozen=True):
    """The classes of a run."""

    worker_classes: list[str] = []
    """As module:Class; several where groups of workers have their own."""
    reducer_class: str = ""
    folder: str = ""
    """Where they were imported from, on the machine of the reducer."""
    code: dict[str, str] = {}
    """Version of that code, as its build or its checkout says: commit_hash, branch_name, timestamp."""
    workers: int = 0
    """How many workers there were when the run began."""


def write_analysis(names: RecordingNames, analysis: KeptAnalysis) -> Path:
    """Write it beside the recordings of the run."""
    return write_whole(names.analysis, msgspec.json.encode(analysis))


def read_analysis(path: Path) -> KeptAnalysis:
    """What write_analysis wrote. Raises UsageError where the file is something else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeptAnalysis)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} does not say with which classes the run was analysed ({error}); name them with --worker and --reducer"
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
