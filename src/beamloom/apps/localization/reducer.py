"""The reduce: the image that grows, how many were found, how well they are known, and the table of them all.

Image and histograms count, so that they are the same in whichever order frames come. The table is put in the order of frames a few
times a minute, at most a fifth of the reducer's time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom import Bins, Histogram, Parameter, ParameterSet, ReducerState, Result, Table, UserError
from beamloom.apps.localization import parameters as described
from beamloom.apps.localization.drift import drift_of, undrifted
from beamloom.apps.localization.rendering import blurred
from beamloom.apps.localization.table import MEANINGS, UNITS, empty, good
from beamloom.apps.localization.tables import write_table

Array = np.ndarray[Any, np.dtype[Any]]
_SHARE: Final = 5.0
"""The time between two looks, in times of what a look takes."""


class Reducer:
    """Single-molecule localization: the tables of all workers."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return described.of_reducer()

    def __init__(self, parameters: ParameterSet, state: ReducerState | None = None) -> None:
        self._run = (state.run if state is not None else None) or "run"
        self._pixel = float(parameters["image_pixel"])
        self._tables: dict[int, Array] = {}
        across = Bins(width=self._pixel, units="nm", label="x")
        down = Bins(width=self._pixel, units="nm", label="y")
        self._image = Histogram(across, down, label="localizations")
        self._frames = Table(
            units={"photons": "photon", "bg": "photon/pixel", "uncertainty": "nm"},
            fill={"found": -1, "good": -1},
        )
        self._photons = Histogram(
            Bins(width=50, units="photon", label="photons of a spot"), label="localizations"
        )
        self._bounds = Histogram(Bins(width=0.5, units="nm", label="bound of x"), label="localizations")
        self.publish: dict[str, Any] = {
            "image": self._image,
            "image_attrs": {"y_down": True},
            "frames": self._frames,
            "photons": self._photons,
            "uncertainty": self._bounds,
            "problem": "",
            "_attrs": {"NX_class": "NXentry", "default": "image"},
        }

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        """Take the table of a frame."""
        table = result.payload
        if table is None:
            return
        event, shown = result.event_number, self._good(table, parameters)
        self._tables[event] = table
        self._image.add(event, shown["x"], shown["y"])
        self._photons.add(event, shown["photons"])
        self._bounds.add(event, shown["crlb_x"])
        row: dict[str, Any] = {"found": np.int32(len(table)), "good": np.int32(len(shown))}
        if len(shown):
            row |= {
                "photons": float(np.median(shown["photons"])),
                "bg": float(np.median(shown["bg"])),
                "uncertainty": float(np.median(shown["crlb_x"])),
            }
        self._frames.add(event, row)

    def timer(self) -> float:
        """Publish the table so far; returns the seconds until the next time."""
        begun = time.monotonic()
        self._publish_table()
        return max(1.0, _SHARE * (time.monotonic() - begun))

    def finish(self, parameters: ParameterSet) -> None:
        """Publish the whole table, find the drift, and write the file."""
        table = self._publish_table()
        try:
            if segments := int(parameters["drift_segments"]):
                self._correct(self._good(table, parameters), segments)
            if name := str(parameters["table_file"].value).replace("{run}", self._run):
                write_table(Path(name), table, {"run": self._run}, settings=described.settings_of(parameters))
        except (UserError, ValueError, OSError) as error:
            self.publish["problem"] = str(error)

    def _good(self, table: Array, parameters: ParameterSet) -> Array:
        return good(
            table, precision=float(parameters["most_uncertain"]), misfit=float(parameters["worst_misfit"])
        )

    def _publish_table(self) -> Array:
        table = np.concatenate([empty(), *(self._tables[event] for event in sorted(self._tables))])
        columns: dict[str, Any] = {
            "_attrs": {"NX_class": "NXdata", "signal": "photons", "axes": ["x", "y"], "y_down": True},
        }
        for name in table.dtype.names or ():
            columns[name] = table[name].copy()
            about = {"units": UNITS.get(name), "long_name": name if name in "xy" else MEANINGS.get(name)}
            columns[f"{name}_attrs"] = {key: text for key, text in about.items() if text}
        self.publish["localizations"] = columns
        return table

    def _correct(self, table: Array, segments: int) -> None:
        drift = drift_of(table, segments=segments)
        first = int(table["frame"].min())
        moved = undrifted(table, drift)
        extent = (
            float(np.floor(moved["x"].min() / self._pixel) * self._pixel),
            float(np.floor(moved["x"].max() / self._pixel + 1) * self._pixel),
            float(np.floor(moved["y"].min() / self._pixel) * self._pixel),
            float(np.floor(moved["y"].max() / self._pixel + 1) * self._pixel),
        )
        image = blurred(moved, extent, self._pixel, least=self._pixel / 2)
        centres = (np.arange(max(image.shape)) + 0.5) * self._pixel
        self.publish["drift"] = {
            "_attrs": {"NX_class": "NXdata", "signal": "x", "auxiliary_signals": ["y"], "axes": ["frame"]},
            "frame": np.arange(first, first + len(drift)),
            "x": drift[:, 0].copy(),
            "x_attrs": {"units": "nm"},
            "y": drift[:, 1].copy(),
            "y_attrs": {"units": "nm"},
        }
        self.publish["corrected"] = {
            "_attrs": {"NX_class": "NXdata", "signal": "density", "axes": ["y", "x"], "y_down": True},
            "density": image,
            "density_attrs": {"long_name": "localizations as wide as their bounds, drift taken off"},
            "y": extent[2] + centres[: image.shape[0]],
            "y_attrs": {"units": "nm"},
            "x": extent[0] + centres[: image.shape[1]],
            "x_attrs": {"units": "nm"},
        }
