"""The folder of capsules: a folder for each run, and in it so many files, and so many bytes, for each kind of failure.

Invariant: a file with the name of a capsule is whole; whatever the disk does, nobody who wants to put a capsule there fails. Several
processes share the folder: they count what is there under a lock, which ends with whoever holds it; on a file system without locks there
may be a few more than were asked for. Folders of runs before the latest ones are removed, and nothing in the folder is touched that is
no capsule.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from beamloom.capsules._capsule import SUFFIX

logger = logging.getLogger(__name__)

CAPSULES = "capsules"
"""The folder of all capsules, in the one for state."""
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}
_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*" + re.escape(SUFFIX))


class Shelf:
    """Where one process puts capsules."""

    def __init__(
        self, folder: Path | None, most: int = 3, most_bytes: int = 256 << 20, most_runs: int = 20
    ) -> None:
        """At most ``most`` files and ``most_bytes`` for each kind of failure in a run, and ``most_runs`` runs. No ``folder``: none."""
        self.folder = folder
        self._most = most if folder is not None else 0
        self._most_bytes = most_bytes
        self._most_runs = most_runs
        self._full: set[tuple[str, str]] = set()
        self._run = ""
        self.problem: str | None = None
        """Why the last capsule could not be put there; None where it could."""

    def room(self, run: str, signature: str, *, temporary: bool = False) -> int:
        """Bytes that a capsule of this kind may have; 0 where there is no room for one more.

        ``temporary``: of a kind that comes and goes.
        """
        if self._most == 0 or self.folder is None or (run, signature) in self._full:
            return 0
        count, size = _there(self.folder / run, signature)
        if count >= self._most or size >= self._most_bytes:
            if not temporary:
                self._full.add((run, signature))
            return 0
        return self._most_bytes - size

    def put(
        self,
        run: str,
        signature: str,
        event: int | str,
        service: str,
        encode: Callable[[int], bytes],
        *,
        temporary: bool = False,
    ) -> str:
        """Put a capsule there; returns its name, empty where that could not be. ``encode`` gives its content in so many bytes.

        ``event``: its number, or the hook of a call that belongs to none.
        """
        if not (room := self.room(run, signature, temporary=temporary)) or self.folder is None:
            return ""
        place = self.folder / run
        what = event if isinstance(event, str) else f"event-{event}"
        name = f"{what}-{service}-{signature}{SUFFIX}"
        part = place / f".{name}.{secrets.token_hex(4)}.part"
        try:
            content = encode(room)
            if len(content) > room:
                self._refuse(
                    run, signature, f"its packets are larger than capsule_bytes ({self._most_bytes})"
                )
                return ""
            self._prepare(place)
            part.write_bytes(content)
            with _locked(place):
                count, size = _there(place, signature)
                if count >= self._most or size + len(content) > self._most_bytes:
                    return ""
                part.replace(place / name)
        except OSError as error:
            self._refuse(run, signature, f"{error.strerror or error}: {self.folder}")
            return ""
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        self.problem = None
        return f"{run}/{name}"

    def path(self, name: str) -> Path:
        """The file of a capsule that was put there."""
        return (self.folder or Path()) / name

    def remove(self, name: str) -> None:
        """A capsule is not needed after all."""
        with contextlib.suppress(OSError):
            self.path(name).unlink(missing_ok=True)

    def _prepare(self, place: Path) -> None:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._run != place.name:
            self._run = place.name
            self._full = {full for full in self._full if full[0] == place.name}
            _forget_runs(place.parent, self._most_runs, place)

    def _refuse(self, run: str, signature: str, problem: str) -> None:
        # Not tried again for this kind: a full disk is no faster the next time.
        self._full.add((run, signature))
        self.problem = problem
        logger.warning("no capsule of this kind of failure is kept (%s); the run goes on", self.problem)


def _there(place: Path, signature: str) -> tuple[int, int]:
    """How many capsules of one kind are in a run's folder, and their bytes."""
    count, size = 0, 0
    try:
        with os.scandir(place) as found:
            for one in found:
                if one.name.endswith(f"-{signature}{SUFFIX}"):
                    count += 1
                    with contextlib.suppress(OSError):
                        size += one.stat().st_size
    except OSError:
        pass
    return count, size


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


def _forget_runs(folder: Path, most: int, newest: Path) -> None:
    """Remove the capsules of all but the latest runs."""
    runs: list[tuple[float, Path]] = []
    for place in folder.iterdir():
        with contextlib.suppress(OSError):
            if place != newest and any(place.glob(f"*{SUFFIX}")):
                runs.append((place.stat().st_mtime, place))
    for _, place in sorted(runs, reverse=True)[max(most - 1, 0) :]:
        with contextlib.suppress(OSError):
            for capsule in place.glob(f"*{SUFFIX}"):
                capsule.unlink(missing_ok=True)
            place.rmdir()


def find_capsule(folder: Path | None, name: str) -> Path | None:
    """The file of the capsule of that name; None where there is none, be it that the name is none of a capsule."""
    if folder is None or _NAME.fullmatch(name) is None:
        return None
    path = folder / name
    return path if path.is_file() and not path.is_symlink() else None


def capsules_folder(capsule_dir: str, state: Path) -> Path:
    """Where capsules are kept: ``capsule_dir``, else a folder in that for state."""
    return Path(capsule_dir).expanduser().absolute() if capsule_dir else state / CAPSULES


def default_name(path: Path) -> str:
    """A name for a Python module after a capsule's file."""
    return re.sub(r"\W+", "_", path.name.removesuffix(SUFFIX)).strip("_").lower() or tempfile.gettempprefix()
