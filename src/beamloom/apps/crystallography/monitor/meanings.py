"""From the keys of a monitor.yaml to values of parameters, where one key's meaning depends on others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from beamloom.apps.crystallography.monitor import keys
from beamloom.apps.crystallography.monitor.kinds import Becomes, Key
from beamloom.errors import did_you_mean

RESPONDING_URL: Final = "tcp://127.0.0.1:12322"
"""Where hits are streamed if nobody says where: OM's port, on this machine."""

_CALIBRATION_FILES: Final = {"_dark_filenames": "dark_filename", "_gain_filenames": "gain_filename"}

Say = Callable[[int, str], None]
Place = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Given:
    """A value, its line, and what its key means."""

    value: Any
    line: int
    key: Key | None = None


class Meanings:
    """Gives the parameters; ``problem`` and ``note`` take a line and a sentence."""

    def __init__(self, problem: Say, note: Say, folder: Path) -> None:
        self._problem = problem
        self._note = note
        self._folder = folder
        self._direct: dict[str, Given] = {}
        self._found: dict[str, Given] = {}

    def set_directly(self, parameter: str, value: Any, line: int) -> None:
        """A parameter by its own name; it goes before what other keys say of it."""
        self._direct[parameter] = Given(value, line)

    def values(self, given: Mapping[Place, Given], own_class: bool) -> dict[str, Given]:
        """The parameters by name. ``own_class``: a class of the user's reads the keys itself."""
        self._found = {}
        self._layers(given, own_class)
        if own_class:
            for place in [key for key in given if key[0] == "data_retrieval_layer"]:
                self._becomes(given[place])
            return {**self._found, **self._direct}
        for one in given.values():
            self._becomes(one)
        layer = given.get(("om", "processing_layer"))
        name = str(layer.value) if layer is not None else ""
        self._search(given)
        self._binning(given)
        self._calibration(given)
        self._output(given, name)
        for parameter, direct in self._direct.items():
            self._found[parameter] = direct
        if "geometry_file" in self._direct:
            self._file("geometry_file", self._direct["geometry_file"])
        return self._found

    def _becomes(self, one: Given) -> None:
        if not isinstance(one.key, Becomes):
            return
        if one.key.is_file:
            self._file(one.key.parameter, one)
        else:
            self._found[one.key.parameter] = one

    def _file(self, parameter: str, one: Given) -> None:
        path = Path(str(one.value)).expanduser()
        for place in (Path.cwd() / path, self._folder / path):
            if place.is_file():
                self._found[parameter] = Given(str(place.resolve()), one.line)
                return
        self._problem(one.line, f"there is no file {path}; it is looked for in {Path.cwd()}")

    # ---- the layers -------------------------------------------------------------------------------------------------------

    def _layers(self, given: Mapping[Place, Given], own_class: bool) -> None:
        if one := given.get(("om", "parallelization_layer")):
            self._name(one, keys.PARALLELIZATION_LAYERS, "parallelization layer")
            self._note(one.line, "parallelization_layer has no effect: processes are placed by Beamloom")
        if one := given.get(("om", "data_retrieval_layer")):
            known = (*keys.RETRIEVAL_LAYERS, *(f"{name}DataRetrieval" for name in keys.RETRIEVAL_LAYERS))
            self._name(one, known, "data retrieval layer")
            self._note(one.line, "data_retrieval_layer has no effect: SOURCE says where frames come from")
        if one := given.get(("data_retrieval_layer", "required_data")):
            for name in one.value:
                if name not in keys.REQUIRED_DATA and not own_class:
                    self._problem(
                        one.line,
                        f"required_data has {name!r}, which is not read here{did_you_mean(str(name), keys.REQUIRED_DATA)}; "
                        "leave it out",
                    )
        one = given.get(("om", "processing_layer"))
        if one is None or own_class:
            return
        if one.value in keys.OTHER_PROCESSING_LAYERS:
            self._problem(
                one.line,
                f"{one.value} is not serial crystallography; run it as a class of your own, or with OM",
            )
        else:
            self._name(
                one,
                keys.PROCESSING_LAYERS,
                "processing layer",
                "; a class of your own is named 'module:Class', or is in processing_layer.py in the working folder",
            )

    def _name(self, one: Given, known: tuple[str, ...], what: str, more: str = "") -> None:
        if one.value not in known:
            hint = did_you_mean(str(one.value), known) or f"; known are {', '.join(known)}"
            self._problem(one.line, f"there is no {what} {one.value!r}{hint}{more}")

    # ---- peaks, bins, calibration -----------------------------------------------------------------------------------------

    def _search(self, given: Mapping[Place, Given]) -> None:
        algorithm = given.get(("crystallography", "peakfinding_algorithm"))
        if algorithm is not None and algorithm.value != "peakfinder8":
            self._problem(
                algorithm.line,
                f"peaks are not sought by {algorithm.value!r} here; write peakfinder8, or leave it out",
            )
        fast = given.get(("peakfinder8_peak_detection", "fast_mode"))
        if fast is not None and fast.value:
            self._found["peakfinding_mode"] = Given("fast", fast.line)

    def _binning(self, given: Mapping[Place, Given]) -> None:
        wanted = given.get(("crystallography", "post_processing_binning"))
        size = given.get(("binning", "bin_size"))
        if wanted is None or not wanted.value:
            if size is not None:
                self._note(size.line, "the group binning has no effect: post_processing_binning is not true")
            return
        if size is None:
            self._problem(wanted.line, "post_processing_binning needs bin_size in the group binning")
            return
        self._found["bin_size"] = size
        if least := given.get(("binning", "min_good_pix_count")):
            self._found["min_good_pix_count"] = least
        for name in ("bad_pixel_map_filename", "bad_pixel_map_hdf5_path"):
            mine, searched = given.get(("binning", name)), given.get(("peakfinder8_peak_detection", name))
            if mine is not None and (searched is None or mine.value != searched.value):
                self._problem(
                    mine.line,
                    f"binning has another {name} than peakfinder8_peak_detection; one map holds for both: give both the same",
                )

    def _calibration(self, given: Mapping[Place, Given]) -> None:
        switches = {name: one for (_, name), one in given.items() if name.endswith("_calibration")}
        files = {
            parameter: one
            for (_, name), one in given.items()
            for ending, parameter in _CALIBRATION_FILES.items()
            if name.endswith(ending)
        }
        if any(one.value is False for one in switches.values()):
            for one in files.values():
                self._note(one.line, "files of the calibration have no effect: it is switched off")
            return
        if not files:
            for one in switches.values():
                self._problem(one.line, "a calibration needs files; name them, or set it to false")
            return
        detector = next(iter(name for _, name in given if name.endswith(tuple(_CALIBRATION_FILES))))
        kind = "jungfrau" if detector.startswith("jungfrau") else "dark-gain"
        self._found["calibration"] = Given(kind, next(iter(files.values())).line)
        for parameter, one in files.items():
            names = one.value if isinstance(one.value, list) else [one.value]
            if len(names) != 1:
                self._problem(
                    one.line,
                    f"{parameter} is one file here, with the pixels of the whole slab; join the {len(names)} files into one",
                )
            else:
                self._file(parameter, Given(names[0], one.line))

    # ---- what comes out of it ---------------------------------------------------------------------------------------------

    def _output(self, given: Mapping[Place, Given], layer: str) -> None:
        folder = given.get(("cheetah", "processed_directory"))
        written = layer in ("CheetahProcessing", "StreamingCheetahProcessing")
        if folder is not None and written:
            path = Path(str(folder.value)).expanduser()
            self._found["processed_directory"] = Given(str(Path.cwd() / path), folder.line)
        elif folder is not None:
            self._note(folder.line, f"processed_directory has no effect: {layer} writes no files")
        elif written and "processed_directory" not in self._direct:
            layer_at = given["om", "processing_layer"]
            self._problem(layer_at.line, f"{layer} needs processed_directory in the group cheetah")
        if layer == "CheetahProcessing":
            self._found["write_hits"] = Given(True, given["om", "processing_layer"].line)
        if layer == "StreamingCheetahProcessing" and "responding_url" not in {*self._found, *self._direct}:
            layer_at = given["om", "processing_layer"]
            self._found["responding_url"] = Given(RESPONDING_URL, layer_at.line)
            self._note(
                layer_at.line,
                f"hits are streamed from {RESPONDING_URL}; for programs on other machines set responding_url",
            )
        if broadcast := given.get(("crystallography", "data_broadcast_url")):
            self._note(
                broadcast.line,
                "what is published at data_broadcast_url is MessagePack, not pickles: OM's viewers do not read it",
            )
        laser = given.get(("crystallography", "pump_probe_experiment"))
        if laser is not None and laser.value and "optical_laser_stream" not in self._direct:
            self._problem(
                laser.line,
                "pump_probe_experiment needs the stream that tells of the laser; set optical_laser_stream in the group beamloom",
            )
