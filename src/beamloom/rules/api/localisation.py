"""Localization of single molecules, following a series while it is recorded.

The series' own metadata is read, and what ``analysisMetadata`` says comes before it. The table of all frames is written at the end to one
file, by default ``analysis/NAME.h5r`` beside the series; rules that follow find it there, or where it went if that name was taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from beamloom.rules import metadata
from beamloom.rules.api.names import local
from beamloom.rules.api.rule import Rule
from beamloom.rules.errors import NoNewTasks, RuleRefused
from beamloom.rules.sources import Source, describe, open_source

SUFFIXES: Final = ("", ".pcs", ".h5", ".hdf5", ".hdf", ".nxs", ".tif", ".tiff", ".npy")


class Spooler(Protocol):
    """What writes a series, in this process."""

    def get_n_frames(self) -> int:
        """How many frames it has taken."""

    def finished(self) -> bool:
        """Whether it takes no more."""


class LocalisationRule(Rule):
    """Localizes in all frames of a series, growing or complete."""

    task: ClassVar[str] = "beamloom.rules.tasks.localise:localise"
    gather: ClassVar[str] = "beamloom.rules.tasks.localise:gather"

    def __init__(
        self,
        seriesName: str | Path | Mapping[str, Any] | None = None,  # noqa: N803 - PYME's names, also below
        analysisMetadata: Any = None,  # noqa: N803
        resultsFilename: str | Path | None = None,  # noqa: N803
        startAt: int = 0,  # noqa: N803
        dataSourceModule: str | None = None,  # noqa: N803
        serverfilter: str | None = None,
        **kwargs: Any,
    ) -> None:
        """``seriesName`` may be left out where the context has ``spool_dir`` and ``series_stub`` and one series of that name is there.

        It may also be a description of the series, as ``describe`` returns it. ``resultsFilename`` may have templates; it ends in .h5r, .h5
        or .parquet. Frames before ``startAt`` are not looked at.
        ``dataSourceModule`` and ``serverfilter`` are taken as callers have them; the series itself tells what they did.
        ``dataset`` names that of an HDF5 file, ``stream`` that of a recording of a run. Raises RuleRefused.
        """
        super().__init__(**kwargs)
        self.series = (
            _path_of(seriesName) if isinstance(seriesName, Mapping) else _series(seriesName, self.context)
        )
        self.context = {"spool_dir": str(self.series.parent), "series_stub": self.series.stem, **self.context}
        self._start_at = startAt
        self._source = describe(
            seriesName if isinstance(seriesName, Mapping) else self.series,
            str(kwargs.get("dataset", "")),
            str(kwargs.get("stream", "")),
        )
        self._entries = metadata.entries(analysisMetadata if analysisMetadata is not None else {})
        self._results = _results(resultsFilename, self.series, self.context)
        self.options.setdefault("halo", metadata.settings(self._all_entries()).background)

    @property
    def name(self) -> str:
        """As given, or ``localise`` and the series."""
        return str(self.options.get("name") or f"localise {self.series.stem}")

    def parameters(self) -> dict[str, Any]:
        """What the analysis metadata says, and the frames around a chunk that it may read; the series says the rest when it is there."""
        return {
            "halo": self.options["halo"],
            "start_at": self._start_at,
            "analysis": {name: value for name, value in self._entries.items() if _is_plain(value)},
        }

    def source(self) -> dict[str, Any]:
        """The series."""
        return self._source

    @property
    def output_files(self) -> dict[str, str]:
        """``results``: the table."""
        return {"results": str(self._results)}

    def offered(self) -> dict[str, Any]:
        """Also the series."""
        return {**super().offered(), "series": str(self.series)}

    def _all_entries(self) -> dict[str, Any]:
        source = open_source(self._source)
        try:
            return {**metadata.entries(source.metadata()), **self._entries}
        except OSError:  # it is not there yet, and may say more when it is
            return self._entries
        finally:
            source.close()


class SpoolLocalLocalizationRule(LocalisationRule):
    """The same, while an object of this process writes the series: that one says how many frames there are, and when it has ended.

    A frame is released when the writer has counted it and it can be read. If this process dies, the series' own end is waited for.
    """

    def __init__(
        self,
        spooler: Spooler,
        seriesName: str | Path | None = None,  # noqa: N803
        analysisMetadata: Any = None,  # noqa: N803
        resultsFilename: str | Path | None = None,  # noqa: N803
        startAt: int = 0,  # noqa: N803
        serverfilter: str | None = None,
        **kwargs: Any,
    ) -> None:
        """See ``LocalisationRule``; ``spooler`` has ``get_n_frames()`` and ``finished()``. Raises RuleRefused."""
        super().__init__(seriesName, analysisMetadata, resultsFilename, startAt, None, serverfilter, **kwargs)
        for method in ("get_n_frames", "finished"):
            if not callable(getattr(spooler, method, None)):
                raise RuleRefused(f"a spooler has {method}(), and {type(spooler).__name__} has not")
        self._spooler = spooler
        self._written: Source = open_source(self._source)

    @property
    def total_frames(self) -> int:
        """Frames that the writer has counted and that can be read."""
        return min(self._spooler.get_n_frames(), self._written.count())

    @property
    def data_complete(self) -> bool:
        """The writer takes no more, and all that it has taken can be read."""
        return self._spooler.finished() and self._written.count() >= self._spooler.get_n_frames()

    def get_new_tasks(self) -> tuple[int, int]:
        """All frames that have come since. Raises NoNewTasks."""
        there = self.total_frames
        if there <= self._next:
            raise NoNewTasks
        start, self._next = self._next, there
        return start, there


def _path_of(described: Mapping[str, Any]) -> Path:
    """What names the results of a series that is described."""
    path, stream, run = (str(described.get(key, "")) for key in ("path", "stream", "run"))
    return local(f"{path}{'-'.join(filter(None, (stream, run)))}" if run else path)


def _series(name: str | Path | None, context: dict[str, Any]) -> Path:
    if name is not None:
        return local(name)
    if "spool_dir" not in context or "series_stub" not in context:
        raise RuleRefused(
            "a localization needs its series: give seriesName, or spool_dir and series_stub in the context"
        )
    stem = local(context["spool_dir"]) / str(context["series_stub"])
    there = [path for suffix in SUFFIXES if (path := stem.with_name(stem.name + suffix)).exists()]
    if len(there) != 1:
        found = f"there are several: {', '.join(path.name for path in there)}" if there else "none is there"
        raise RuleRefused(f"which series is meant by {stem}? {found}; give seriesName")
    return there[0]


def _results(name: str | Path | None, series: Path, context: dict[str, Any]) -> Path:
    from beamloom.rules.templates import fill

    if name is None:
        return series.parent / "analysis" / f"{series.stem}.h5r"
    return local(fill(str(name), context))


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | list | tuple | type(None))
