"""All files of one run, in one folder: when they are written, and what happens when they cannot be.

A folder belongs to one run, so that no run overwrites what another has found: where another run has written already, the files go into a
folder below it that bears the id of this run. Files that cannot be written fail no event: the trouble is told, and they are written as
soon as they can be.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from beamloom import Table
from beamloom.apps.crystallography.analysis.files.lists import Lists
from beamloom.apps.crystallography.analysis.files.status import write_status
from beamloom.apps.crystallography.analysis.files.sums import write_sum
from beamloom.apps.crystallography.analysis.hit_frames import HitFrame
from beamloom.apps.crystallography.analysis.inputs import Given
from beamloom.apps.crystallography.analysis.totals import ClassSum

if TYPE_CHECKING:
    from beamloom.apps.crystallography.analysis.files.hit_files import HitFiles

_OWNER: Final = ".beamloom-run"
_log = logging.getLogger(__name__)


class _Opened(NamedTuple):
    folder: Path
    lists: Lists


class Files:
    """The files of a run; methods raise nothing, ``problem`` says what is wrong."""

    def __init__(self, folder: Path, run: str | None) -> None:
        self._problems: dict[str, str] = {}
        """What is wrong, by what could not be written."""
        self._wanted = folder
        self._run = run or ""
        self._opened: _Opened | None = None
        self._pending: dict[int, Any] = {}
        self._begun = monotonic()
        self._sums_written = monotonic()
        self._listed = 0
        self._arrived: list[HitFrame] = []
        self._hits: HitFiles | None = None
        self._try("lists", lambda opened: None)

    @property
    def problem(self) -> str:
        """What could not be written when it was last tried, and why; empty for nothing."""
        return "; ".join(dict.fromkeys(self._problems.values()))

    @property
    def folder(self) -> Path | None:
        """Where the files are; None as long as it could not be made."""
        return None if self._opened is None else self._opened.folder

    def take(self, peaks: dict[int, Any]) -> None:
        """The peaks of hits, to be listed with the next update."""
        self._pending |= peaks

    def update(self, parameters: Given, table: Table) -> None:
        """Bring lists and status up to date, if so many frames came in that they are due."""
        frames = sum(stop - first for first, stop in table.coverage)
        if frames - self._listed >= int(parameters["status_file_update_interval"]):
            self._listed = frames
            self._try("lists", self._update, table)

    def write_sums_when_due(
        self, parameters: Given, classes: Callable[[], tuple[ClassSum, ClassSum]]
    ) -> None:
        """Write the sum files, if their interval is over."""
        interval = float(parameters["class_sums_update_interval"])
        if monotonic() - self._sums_written >= interval:
            self._try("sums", self._write_sums, parameters, classes())
            self._sums_written = monotonic()

    def keep(self, hits: list[HitFrame], parameters: Given) -> None:
        """Write hits with their frames."""
        self._arrived += hits
        self._try("hits", self._write_hits, parameters)

    def commit_hits(self, parameters: Given) -> None:
        """Let others see the hits that were written."""
        if self._hits is not None or self._arrived:
            self._try("hits", self._write_hits, parameters, True)

    def hits_written(self) -> dict[str, int]:
        """How many hits are in files, and how many were given up; empty where none were to be written."""
        if self._hits is None:
            return {}
        return {"hits_written": self._hits.hits, "hits_given_up": self._hits.given_up}

    def finish(self, parameters: Given, table: Table | None, classes: tuple[ClassSum, ClassSum]) -> None:
        """Write everything as it is at the end."""
        if self._hits is not None or self._arrived:
            self._try("hits", self._write_hits, parameters, True)
            self._try("hits", self._finish_hits, parameters)
        self._try("sums", self._write_sums, parameters, classes)
        self._try("lists", self._finish, Table() if table is None else table)

    def _try(self, what: str, write: Callable[..., None], *arguments: Any) -> None:
        try:
            if self._opened is None:
                self._opened = self._open()
                self._status(self._opened, finished=False)
            write(self._opened, *arguments)
        except OSError as error:
            problem = f"files of the run cannot be written to {self._wanted}: {error}"
            if problem not in self._problems.values():
                _log.warning("%s; see that there is room, and that the reducer may write there", problem)
            self._problems[what] = problem
        else:
            self._problems.pop(what, None)

    def _open(self) -> _Opened:
        folder = self._wanted
        folder.mkdir(parents=True, exist_ok=True)
        owner = folder / _OWNER
        if owner.exists() and self._run and owner.read_text() != self._run:
            folder = folder / self._run
            folder.mkdir(exist_ok=True)
            _log.warning("another run has its files in %s; those of this one are in %s", self._wanted, folder)
        (folder / _OWNER).write_text(self._run)
        lists = Lists(folder)
        lists.begin()
        return _Opened(folder, lists)

    def _update(self, opened: _Opened, table: Table) -> None:
        opened.lists.take(self._taken())
        opened.lists.append(table)
        self._status(opened, finished=False)

    def _finish(self, opened: _Opened, table: Table) -> None:
        opened.lists.take(self._taken())
        opened.lists.finish(table)
        self._status(opened, finished=True)

    def _write_hits(self, opened: _Opened, parameters: Given, commit: bool = False) -> None:
        if self._hits is None:
            self._hits = _hit_files(
                opened.folder, str(parameters["processed_filename_prefix"].value), self._run
            )
        arrived, self._arrived = self._arrived, []
        self._hits.keep(arrived)
        self._hits.write(parameters, commit=commit)

    def _finish_hits(self, opened: _Opened, parameters: Given) -> None:
        if self._hits is not None:
            self._hits.finish(parameters)

    def _taken(self) -> dict[int, Any]:
        taken, self._pending = self._pending, {}
        return taken

    def _status(self, opened: _Opened, *, finished: bool) -> None:
        write_status(
            opened.folder / "status.txt",
            elapsed=monotonic() - self._begun,
            frames=opened.lists.frames,
            hits=opened.lists.hits,
            finished=finished,
        )

    def _write_sums(self, opened: _Opened, parameters: Given, classes: tuple[ClassSum, ClassSum]) -> None:
        if not bool(parameters["write_class_sums"]):
            return
        prefix = str(parameters["class_sum_filename_prefix"].value)
        for number, total in enumerate(classes):
            write_sum(opened.folder / f"{prefix}-detector0-class{number}-sum.h5", total)


def _hit_files(folder: Path, prefix: str, run: str) -> HitFiles:
    try:
        from beamloom.apps.crystallography.analysis.files.hit_files import HitFiles
    except ImportError as error:
        raise OSError(
            f"{error.name} is missing where the reducer runs; install it: pip install 'beamloom[crystallography]'"
        ) from None
    return HitFiles(folder, prefix, run)


def files_of(parameters: Given, run: str | None) -> Files | None:
    """The files that the parameters ask for; None for none."""
    folder = str(parameters["processed_directory"].value)
    return Files(Path(folder.replace("{run}", run or "run")).expanduser(), run) if folder else None
