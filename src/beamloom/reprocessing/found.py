"""The recording of a run, by the id that the controller knows it by or by the path of one of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beamloom.client._http import Service
from beamloom.errors import UsageError
from beamloom.recordings.folder import Companions, RecordingNames, find_companions, find_packets
from beamloom.recordings.kept_analysis import KeptAnalysis, read_analysis

ENDINGS = (".cbors", ".cbors.gz", ".cbors.part", ".cbors.gz.part")
HOW_TO_RECORD = (
    "to have the next one recorded, name a place with the setting record_prefix ('recording' in a pipeline file) or set the parameter "
    "dump_prefix before it begins"
)


@dataclass(frozen=True)
class RecordedRun:
    """A run whose packets are here."""

    run: str
    files: tuple[Path, ...]
    """The recordings of its ingesters."""
    analysis: KeptAnalysis | None
    """With which classes it was analysed; None where that was not written down."""
    prefix: str = ""
    """What the names of its files begin with."""

    def is_over(self) -> bool:
        """Whether its controller has written that no event is added any more."""
        return RecordingNames(self.prefix, self.run).ended.exists()


def recorded_run(word: str, controller: Service, *, live: bool = False) -> RecordedRun:
    """The run whose id begins with ``word``, or the ``last`` one. Raises UsageError where it cannot be made again, and why.

    ``live``: one that goes on. Its files may not be there yet.
    """
    runs = [one for one in controller.get("/api/v1/runs", list[dict[str, Any]]) if not one.get("again_of")]
    if not runs:
        raise UsageError(
            "no run has been armed yet, so that there is none to reduce again; name a recording by its path instead"
        )
    found = runs[:1] if word == "last" else [one for one in runs if str(one["run"]).startswith(word)]
    if len(found) != 1:
        known = ", ".join(str(one["run"])[:8] for one in runs[:10])
        why = "no run" if not found else f"more than one run ({len(found)})"
        raise UsageError(
            f"there is {why} whose id begins with {word!r}; there are {known}, and 'last' is the last one"
        )
    run = str(found[0]["run"])
    if live and found[0]["finished_at"] is not None:
        raise UsageError("no run goes on; reduce one that has ended again with 'beamloom reprocess'")
    if not live and found[0]["finished_at"] is None:
        raise UsageError(
            f"run {run} goes on; wait until it has ended, or have the live result made again from event 0 with "
            "'beamloom params set NAME=VALUE --again'"
        )
    prefix = controller.get(f"/api/v1/runs/{run}", dict[str, Any]).get("recording")
    if not prefix:
        raise UsageError(
            f"run {run} was not recorded, so that there is nothing to reduce again; {HOW_TO_RECORD}"
        )
    recorded = _of(str(prefix), run)
    if not recorded.files and not live:
        raise UsageError(
            f"run {run} was recorded as {prefix}*-{run}.cbors, and no such file is here; run this command where the ingesters have "
            "written, or name a recording by its path"
        )
    return recorded


def recorded_at(path: Path) -> RecordedRun:
    """The run of which ``path`` is a recording, or the one run in the folder ``path``. Raises UsageError."""
    if path.is_dir():
        beside = [one for one in path.iterdir() if one.name.endswith(ENDINGS)]
        runs = sorted({run for one in beside if (run := find_companions(one).run) is not None})
        if len(runs) != 1:
            there = f"recordings of {len(runs)} runs" if runs else "no recording of a run"
            raise UsageError(f"{path} holds {there}; name one of the files of the run that is meant")
        path = next(one for one in beside if find_companions(one).run == runs[0])
    if not path.exists():
        raise UsageError(f"there is no recording {path}; check its name and its folder")
    companions = find_companions(path)
    if companions.run is None:
        raise UsageError(
            f"the name {path.name} does not say which run it is of; reduce such a file with 'beamloom replay -f {path}'"
        )
    beginning = _beginning(companions, path)
    return _of(beginning, companions.run)


def _beginning(companions: Companions, path: Path) -> str:
    """What the names of the files of a run begin with."""
    if companions.map_path is None:
        return str(path.parent) + "/"
    name = companions.map_path.name.removesuffix(f"mapping-{companions.run}.json")
    return f"{path.parent}/{name}"


def _of(prefix: str, run: str) -> RecordedRun:
    files = tuple(
        path if path.exists() else path.with_name(f"{path.name}.part") for path in find_packets(prefix, run)
    )
    kept = RecordingNames(prefix, run).analysis
    return RecordedRun(run, files, read_analysis(kept) if kept.exists() else None, prefix)


def files_of(recorded: RecordedRun) -> RecordedRun:
    """The same with the files that are there by now."""
    return _of(recorded.prefix, recorded.run)
