"""The whole of a new analysis, written beside its place and put there when it is complete."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import msgspec

from beamloom.errors import UsageError
from beamloom.events import Packet, PacketKind
from beamloom.scaffolding import other_files, python_files
from beamloom.scaffolding.excerpts import LOOKED_AT, bring, check_one_run, events_of
from beamloom.scaffolding.seen import Seen, streams_of

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class NewAnalysis(msgspec.Struct, frozen=True):
    """What was written."""

    folder: Path
    streams: list[Seen]
    brought: str
    """A sentence on the recording that is in it; empty for a simulation."""


def write_analysis(folder: Path, recordings: Sequence[Path] = ()) -> NewAnalysis:
    """Write an analysis of the streams of ``recordings``, or of a simulated camera, into ``folder``, which is made.

    Raises UsageError for a name that cannot be, a folder that is there, and files that are no recordings of one run.
    """
    name = folder.name
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of an analysis; begin with a letter, and use letters, digits, - and _ only"
        )
    if folder.exists():
        raise UsageError(f"{folder} is there already; give another name, or move it away")
    files = list(dict.fromkeys(map(Path, recordings)))
    check_one_run(files)
    streams = _streams(files)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    try:
        brought = bring(files, unfinished / "recordings") if files else ""
        for path, text in _texts(name, streams, recorded=bool(files)).items():
            (unfinished / path).parent.mkdir(exist_ok=True)
            (unfinished / path).write_text(text, encoding="utf-8")
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return NewAnalysis(folder, streams, brought)


def _streams(files: Sequence[Path]) -> list[Seen]:
    if not files:
        return streams_of(_simulated())
    found = streams_of(streams for _, streams in islice(events_of(files), LOOKED_AT * len(files)))
    if not found:
        raise UsageError(f"{', '.join(map(str, files))}: there is no event in it; record a run first")
    return found


def _simulated() -> list[dict[str, Packet]]:
    from beamloom.devices.generator import generate

    start, *items = generate(kind="images", items=3, shape=(64, 64), seed=1, noise=True)
    kinds = [PacketKind.DATA] * 3
    return [
        {"camera": Packet("GENERATOR", list(start), 0, PacketKind.START)},
        *(
            {"camera": Packet("GENERATOR", list(frames), 1, kind)}
            for frames, kind in zip(items, kinds, strict=False)
        ),
    ]


def _texts(name: str, streams: Sequence[Seen], *, recorded: bool) -> dict[str, str]:
    texts = {
        "worker.py": python_files.worker_text(name, streams),
        "reducer.py": python_files.reducer_text(streams),
        "parameters.json": other_files.parameters_text(streams),
        "pipeline.yaml": other_files.pipeline_text(name, streams, recorded=recorded),
        "pyproject.toml": other_files.project_text(name),
        "README.md": other_files.readme_text(name, streams, recorded=recorded),
        ".gitignore": other_files.IGNORED,
        "tests/test_analysis.py": python_files.test_text(streams, recorded=recorded),
    }
    if not recorded:
        texts["simulation.py"] = python_files.SIMULATION.format()
    return texts
