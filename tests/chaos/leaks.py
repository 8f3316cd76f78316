"""What processes hold: memory, threads, file descriptors, sockets; and what lies about on disk."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

_PROC = Path("/proc")


class Holding(msgspec.Struct, frozen=True):
    """What one process holds."""

    pid: int
    memory: float
    """Resident, without what it shares with others, in MB."""
    threads: int
    files: int
    """Open file descriptors, sockets among them."""
    sockets: int


def holding(pid: int) -> Holding | None:
    """What a process holds at this moment; None when it is gone."""
    with contextlib.suppress(OSError):
        place = _PROC / str(pid)
        status = dict(
            line.split(":", 1) for line in (place / "status").read_text().splitlines() if ":" in line
        )
        resident = int(status["VmRSS"].split()[0]) - int(status.get("RssShmem", "0").split()[0])
        targets = []
        for one in (place / "fd").iterdir():
            with contextlib.suppress(OSError):
                targets.append(str(one.readlink()))
        sockets = sum(target.startswith("socket:") for target in targets)
        return Holding(pid, resident / 1024, int(status["Threads"]), len(targets), sockets)
    return None


@contextlib.contextmanager
def own_places() -> Iterator[Path]:
    """A folder in which whatever is started in this block puts its state and its temporary files; ``remains`` looks into it."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        places = {name: Path(folder) / name for name in ("temporary", "state")}
        for place in places.values():
            place.mkdir()
        before = tempfile.tempdir, os.environ.get("XDG_STATE_HOME")
        tempfile.tempdir = str(places["temporary"])
        os.environ["XDG_STATE_HOME"] = str(places["state"])
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = before[0]
            if before[1] is None:
                del os.environ["XDG_STATE_HOME"]
            else:
                os.environ["XDG_STATE_HOME"] = before[1]


def remains(folder: Path) -> list[str]:
    """Temporary files that nobody has removed."""
    return sorted(one.name for one in (folder / "temporary").iterdir())


def files_in(folder: Path) -> int:
    """Files in a folder and below."""
    return sum(one.is_file() for one in folder.rglob("*"))


def bytes_in(folder: Path) -> int:
    """Size of the files in a folder and below; of those that go meanwhile, none."""
    total = 0
    for one in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += one.stat().st_size if one.is_file() else 0
    return total


def growth(before: Mapping[str, Holding], after: Mapping[str, Holding]) -> dict[str, Holding]:
    """How much more each process holds; those that are others by now are left out."""
    return {
        name: Holding(
            then.pid,
            round(now.memory - then.memory, 1),
            now.threads - then.threads,
            now.files - then.files,
            now.sockets - then.sockets,
        )
        for name, then in before.items()
        if (now := after.get(name)) is not None and now.pid == then.pid
    }
