"""The reduce: merges what workers found, and publishes how the experiment goes.

Rows of frames are kept for the whole run. Sums, powders and the peakogram are kept by layout (see ``worker.py``); published is that of the
newest parameters, and the last few are kept, as results of frames before a change may come after it. Pictures and curves are
made of these a few times a minute, at most a fifth of the reducer's time.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import numpy as np

from beamloom import Parameter, ParameterSet, ReducerState, Result, UserError, merge_into
from beamloom.apps.crystallography.analysis import instrument
from beamloom.apps.crystallography.analysis import parameters as described
from beamloom.apps.crystallography.analysis.binning import Binning
from beamloom.apps.crystallography.analysis.curves import curves
from beamloom.apps.crystallography.analysis.files import Files, files_of
from beamloom.apps.crystallography.analysis.inputs import Given, Part, names_of
from beamloom.apps.crystallography.analysis.instrument import Instrument
from beamloom.apps.crystallography.analysis.pictures import Pictures
from beamloom.apps.crystallography.analysis.streamed import Streamed
from beamloom.apps.crystallography.analysis.totals import ClassSum, totals
from beamloom.apps.crystallography.analysis.vetoing import told
from beamloom.apps.crystallography.streaming import HitStream

Array = np.ndarray[Any, np.dtype[Any]]
OVERVIEW: Final = ["virtual_powder", "hit_rate", "last_hits", "peakogram", "last_hit", "summary"]
"""What the dashboard shows first, beside each other."""
_KEPT_LAYOUTS: Final = 4
_INTERVAL: Final = 1.0
"""Seconds between two looks, at least."""
_SHARE: Final = 5.0
"""The time between two looks, in times of what a look takes."""

_log = logging.getLogger(__name__)


class Reducer:
    """Serial crystallography: the results of all workers."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return described.of_reducer()

    def __init__(
        self,
        parameters: ParameterSet,
        state: ReducerState | None = None,
        context: dict[Any, Any] | None = None,
    ) -> None:
        self.publish: dict[str, Any] = {"_attrs": {"default": "virtual_powder", "overview": OVERVIEW}}
        self._held: dict[str, Any] = {}
        self._layouts: dict[str, int] = {}
        """The newest epoch of each layout."""
        self._instrument = Part(instrument.NAMES, Instrument)
        self._binning = Part(names_of(described.BINNING), _binning)
        self._pictures = Part((), _pictures)
        self._problem = ""
        self._shown: tuple[int, str] | None = None
        """What was looked at last: the version of the rows, and the parameters."""
        run = state.run if state is not None else None
        self._files: Files | None = files_of(parameters, run)
        self._streamed = Streamed({} if context is None else context, run or "")
        self._streamed.update(parameters)

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        """Take what a worker found, of one frame or of several."""
        payload = result.payload
        if payload is None:
            return
        lists = payload.pop("peaks", None)
        hits = payload.pop("streamed", None)
        stored = payload.pop("stored", None)
        self._streamed.update(parameters)
        if hits is not None:
            self._streamed.offer(hits.take())
        if self._streamed.reset_asked():
            self._held.pop("layouts", None)
            self._layouts.clear()
        merge_into(self._held, payload)
        # Frames that were vetoed have rows alone.
        for layout in payload.get("layouts", ()):
            self._layouts[layout] = max(result.epoch, self._layouts.get(layout, -1))
        self._let_go()
        self.publish["events"] = self._held["events"]
        self._show_layout()
        if self._files is not None:
            if stored is not None:
                self._files.keep(stored.take(), parameters)
            self._files.take({} if lists is None else lists.take())
            self._files.update(parameters, self._held["events"])

    def timer(self, parameters: ParameterSet) -> float:
        """Make curves and pictures; returns the seconds until the next."""
        begun = time.monotonic()
        self._look(parameters)
        if self._files is not None and "events" in self._held:
            self._files.write_sums_when_due(parameters, self._classes)
            self._files.commit_hits(parameters)
            self._tell_of_files(self._files)
        return max(_INTERVAL, _SHARE * (time.monotonic() - begun))

    def finish(self, parameters: ParameterSet) -> None:
        """Make them for the last time, and bring the files to their end."""
        self._look(parameters)
        self._streamed.finish()
        if self._files is not None:
            self._files.finish(parameters, self._held.get("events"), self._classes())
            self._tell_of_files(self._files)

    def close(self, context: dict[Any, Any]) -> None:
        """The process ends, and with it the stream of hits."""
        HitStream.close_of(context)

    def _tell_of_files(self, files: Files) -> None:
        self.publish["files"] = {
            "folder": str(files.folder or ""),
            "problem": files.problem,
            **files.hits_written(),
        }

    def _let_go(self) -> None:
        while len(self._layouts) > _KEPT_LAYOUTS:
            oldest = min(self._layouts, key=self._layouts.__getitem__)
            del self._layouts[oldest], self._held["layouts"][oldest]

    def _current(self) -> dict[str, Any]:
        """What is held of the newest parameters."""
        if not self._layouts:
            return {}
        newest = max(self._layouts, key=self._layouts.__getitem__)
        found: dict[str, Any] = self._held["layouts"][newest]
        return found

    def _show_layout(self) -> None:
        current = self._current()
        self.publish["classes"] = current.get("classes", {})
        if "peakogram" in current:
            self.publish["peakogram"] = current["peakogram"]
        else:
            self.publish.pop("peakogram", None)

    def _classes(self) -> tuple[ClassSum, ClassSum]:
        """The sums of all non-hits and of all hits."""
        classes = self._current().get("classes", {})
        return totals(classes, "non_hits"), totals(classes, "hits")

    def _look(self, parameters: ParameterSet) -> None:
        streamed = self._streamed.published()
        if streamed is not None:
            self.publish["hit_stream"] = streamed
        if "events" not in self._held:
            return
        shown = (self._held["events"].version, parameters.hash)
        if shown == self._shown and not self._problem:
            return
        self._shown = shown
        columns = self._held["events"].snapshot()
        self.publish.update(curves(columns, int(parameters["running_average_window_size"])))
        veto = told(columns, parameters)
        if veto is not None:
            self.publish["veto"] = veto
            self.publish["summary"]["vetoed"] = veto["vetoed"]
        self._streamed.tell(self.publish["summary"])
        try:
            self._draw(parameters)
        except UserError as error:
            if self._problem != str(error):
                _log.warning("no pictures: %s", error)
            self._problem = str(error)
            self.publish["problem"] = self._problem
        else:
            self._problem = ""
            self.publish.pop("problem", None)

    def _draw(self, parameters: ParameterSet) -> None:
        seen = self._instrument.of(parameters)
        binning = self._binning.of(parameters, seen)
        pictures = self._pictures.of(parameters, seen, binning)
        drawn: dict[str, Any] = {"rings": pictures.rings(shown=bool(parameters["geometry_is_optimized"]))}
        profiles: dict[str, Any] = {}
        powder: Array | None = None
        for name, one in zip(("non_hits", "hits"), self._classes(), strict=True):
            if one.peaks is not None and one.peaks.shape == binning.shape:
                powder = one.peaks if powder is None else powder + one.peaks
            if one.frames is not None and one.frames.shape == binning.shape:
                drawn[f"mean_{name}"] = pictures.mean(one.frames, one.summed, f"mean of {name}")
                profiles[name] = pictures.profile(one.frames, one.summed, f"radial profile of {name}")
        if powder is not None:
            drawn["virtual_powder"] = pictures.powder(powder, "virtual powder")
        drawn["radial_profile"] = profiles
        current = self._current()
        for name in ("last_hit", "last_non_hit"):
            if name in current and current[name]["frame"].value.shape == binning.shape:
                last = current[name]
                frame, title = last["frame"], name.replace("_", " ").replace("non ", "non-")
                drawn[name] = pictures.frame(frame.value, last["peaks"].value, frame.event, title)
        if "last_hits" in current and current["last_hits"].hits[0].image.shape == pictures.small_shape:
            drawn["last_hits"] = pictures.last_hits(current["last_hits"].hits)
        self.publish.update(drawn)


def _binning(given: Given, seen: Instrument) -> Binning:
    return Binning(seen.slab.panels, seen.good, int(given["bin_size"]), int(given["min_good_pix_count"]))


def _pictures(given: Given, seen: Instrument, binning: Binning) -> Pictures:
    return Pictures(seen, binning)
