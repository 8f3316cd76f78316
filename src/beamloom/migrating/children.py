"""Code of a repository is run in a process of its own, with a time limit: it may hang, end its process, or print what it likes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from beamloom.migrating.told import Asked, Replayed

LAST_LINES: Final = 6
Answer = TypeVar("Answer", bound=msgspec.Struct)


class Wanted(msgspec.Struct, frozen=True):
    """A class that is looked for: folders with its ``module:Class`` there, of which the first that works holds."""

    role: str
    references: list[tuple[str, str]]


class Look(msgspec.Struct, frozen=True, tag="look"):
    """Import these classes."""

    root: str
    wanted: list[Wanted]


class Try(msgspec.Struct, frozen=True, tag="try"):
    """Replay, and compare with the same replay of another copy of the repository."""

    root: str
    asked: list[Asked]
    recordings: str
    """The folder that names of recordings are relative to."""
    other: str | None = None
    aliases: dict[str, str] = {}
    """Places of what the other copy publishes, and where the same is published by the first."""


class Found(msgspec.Struct, frozen=True):
    """A class that was imported, or why it was not."""

    folder: str = ""
    reference: str = ""
    error: str = ""


class Looked(msgspec.Struct, frozen=True):
    """What became of each that was looked for, in order."""

    found: list[Found]


class Tried(msgspec.Struct, frozen=True):
    """What became of each replay, and where the other copy published something else."""

    replayed: list[Replayed]
    unlike: list[str] = []


class ChildFailed(Exception):
    """The process ended without an answer; the text is a phrase that says how."""


def ask(job: Look | Try, answer: type[Answer], seconds: float) -> Answer:
    """Have a process do it. Raises ChildFailed where it does not, or takes longer than ``seconds``."""
    with tempfile.TemporaryDirectory(prefix="beamloom-migrate-") as folder:
        asked, answered, said = (Path(folder) / name for name in ("asked", "answered", "said"))
        asked.write_bytes(msgspec.json.encode(job))
        with said.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "beamloom.migrating.trying", str(asked), str(answered)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=job.root,
                env=_environment(),
                # What it starts is ended with it.
                start_new_session=True,
            )
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                raise ChildFailed(
                    f"did not come to its end within {seconds:g} s; give it more by --seconds"
                ) from None
            finally:
                _end(child)
        if not answered.exists():
            text = said.read_text(errors="replace").strip().splitlines()[-LAST_LINES:]
            how = (
                f"with status {child.returncode}"
                if child.returncode >= 0
                else f"by signal {-child.returncode}"
            )
            raise ChildFailed(f"ended its process {how}" + (f": {' / '.join(text)}" if text else ""))
        return msgspec.json.decode(answered.read_bytes(), type=answer)


def _environment() -> dict[str, Any]:
    # Two versions of a file within a second look the same to Python where it compiles them.
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg"}


def _end(child: subprocess.Popen[bytes]) -> None:
    # The group outlives the child where it has started something.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
