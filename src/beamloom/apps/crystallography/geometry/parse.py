"""Reads CrystFEL's geometry files.

A line is ``key = value`` or ``panel/key = value``; what follows a semicolon is a comment. A key without a panel is the default of the
panels that are first mentioned after it. What is not understood is kept in ``Geometry.unknown`` and told in the log, since CrystFEL's
users have keys of other programs in their files; what is understood and wrong is refused with its line.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from beamloom.apps.crystallography.geometry import values
from beamloom.apps.crystallography.geometry.model import (
    BadRegion,
    DetectorPanel,
    Dimension,
    Geometry,
    GeometryError,
    MaskSource,
    Quantity,
)

_log = logging.getLogger(__name__)

METRES: Final = {"m": 1.0, "mm": 1e-3}
_EV: Final = {"eV": 1.0, "keV": 1e3, "MeV": 1e6}
_ANGSTROM: Final = {"A": 1.0, "m": 1e10}
_VOLTS: Final = {"V": 1.0, "kV": 1e3}


def _length(text: str) -> Quantity:
    return values.quantity(text, METRES, "m", "m")


def _clen(text: str) -> Quantity:
    return values.quantity(text, METRES, "m", "mm")


_OF_FILE: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "photon_energy": ("photon_energy", lambda text: values.quantity(text, _EV, "eV", "eV")),
    "wavelength": ("wavelength", lambda text: values.quantity(text, _ANGSTROM, "m", "m")),
    "electron_voltage": ("electron_voltage", lambda text: values.quantity(text, _VOLTS, "V", "V")),
    "bandwidth": ("bandwidth", values.number),
    "photon_energy_bandwidth": ("bandwidth", values.number),
    "beam_bandwidth": ("bandwidth", values.number),
    "detector_shift_x": ("detector_shift_x", _length),
    "detector_shift_y": ("detector_shift_y", _length),
    "peak_list": ("peak_list", str),
    "peak_info_location": ("peak_list", str),
    "peak_list_type": ("peak_list_type", str),
}

_OF_PANEL: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "min_fs": ("min_fs", values.whole),
    "max_fs": ("max_fs", values.whole),
    "min_ss": ("min_ss", values.whole),
    "max_ss": ("max_ss", values.whole),
    "corner_x": ("corner_x", values.number),
    "corner_y": ("corner_y", values.number),
    "fs": ("fs", values.direction),
    "ss": ("ss", values.direction),
    "res": ("res", values.number),
    "coffset": ("coffset", values.number),
    "data": ("data", str),
    "adu_per_eV": ("adu_per_ev", values.number),
    "adu_per_photon": ("adu_per_photon", values.number),
    "max_adu": ("max_adu", values.number),
    "saturation_map": ("saturation_map", str),
    "saturation_map_file": ("saturation_map_file", str),
    "no_index": ("no_index", values.truth),
    "mask_edge_pixels": ("mask_edge_pixels", values.whole),
    "rigid_group": ("rigid_group", str),
    "rail_direction": ("rail_direction", values.direction),
    "clen_for_centering": ("clen_for_centering", values.number),
    "badrow_direction": ("badrow_direction", str),
}
_FLAGS: Final = ("flag_lessthan", "flag_morethan", "flag_equal")
_DIM: Final = re.compile(r"dim(\d+)$")
_MASK: Final = re.compile(r"mask([0-7])_(data|file|goodbits|badbits)$")
_OLD_MASKS: Final = {
    "mask": "mask0_data",
    "mask_file": "mask0_file",
    "mask_good": "mask0_goodbits",
    "mask_bad": "mask0_badbits",
}
_NEEDED: Final = ("min_fs", "max_fs", "min_ss", "max_ss", "corner_x", "corner_y", "res")
_DIRECTIONS: Final = {"fs": (1.0, 0.0, 0.0), "ss": (0.0, 1.0, 0.0)}
_BOUNDS: Final = re.compile(r"(min|max)_(fs|ss|x|y)$")


@dataclasses.dataclass
class _Draft:
    """A panel, or the defaults of those to come, as far as it was read."""

    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    dims: dict[int, Dimension] = dataclasses.field(default_factory=dict)
    masks: dict[int, dict[str, Any]] = dataclasses.field(default_factory=dict)


class _Reader:
    def __init__(self) -> None:
        self.of_file: dict[str, Any] = {}
        self.defaults = _Draft()
        self.panels: dict[str, _Draft] = {}
        self.bad: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, tuple[str, ...]] = {}
        self.collections: dict[str, tuple[str, ...]] = {}
        self.unknown: list[str] = []
        self.energy_scale = 1.0

    def line(self, key: str, value: str) -> bool:
        """Take one line; False if it says nothing to this reader. Raises ValueError."""
        if "/" in key:
            name, _, own = key.partition("/")
            name, own = name.strip(), own.strip()
            if name.startswith("bad"):
                return self._bad_region(name, own, value)
            return self._panel(self._draft_of(name), own, value)
        for prefix, kept in (
            ("rigid_group_collection_", self.collections),
            ("rigid_group_", self.groups),
            ("group_", self.groups),
        ):
            if key.startswith(prefix):
                kept[key.removeprefix(prefix)] = tuple(
                    word for part in value.split(",") if (word := part.strip())
                )
                return True
        if key == "clen":
            self.of_file["clen"] = _clen(value)
            return True
        if key == "photon_energy_scale":
            self.energy_scale = values.number(value)
            return True
        if key in _OF_FILE:
            field, read = _OF_FILE[key]
            self.of_file[field] = read(value)
            return True
        return self._panel(self.defaults, key, value)

    def _draft_of(self, name: str) -> _Draft:
        if name not in self.panels:
            self.panels[name] = copy.deepcopy(self.defaults)
        return self.panels[name]

    def _panel(self, draft: _Draft, key: str, value: str) -> bool:
        if key in _OF_PANEL:
            field, read = _OF_PANEL[key]
            draft.fields[field] = read(value)
        elif key == "clen":
            draft.fields["clen"] = _clen(value)
        elif key in _FLAGS:
            draft.fields[key] = (*draft.fields.get(key, ()), values.number(value))
        elif match := _DIM.match(key):
            draft.dims[int(match[1])] = _dimension(value)
        elif match := _MASK.match(_OLD_MASKS.get(key, key)):
            read = values.bits if match[2].endswith("bits") else str
            draft.masks.setdefault(int(match[1]), {})[match[2]] = read(value)
        else:
            return False
        return True

    def _bad_region(self, name: str, key: str, value: str) -> bool:
        region = self.bad.setdefault(name, {})
        if match := _BOUNDS.match(key):
            region[key] = values.whole(value) if match[2] in {"fs", "ss"} else values.number(value)
        elif key == "panel":
            region[key] = value
        else:
            return False
        return True

    def geometry(self) -> Geometry:
        """All that was read. Raises GeometryError."""
        if not self.panels:
            raise GeometryError("the geometry has no panel; a panel begins with a line such as p0/min_fs = 0")
        panels = tuple(_panel(name, draft) for name, draft in self.panels.items())
        names = {panel.name for panel in panels}
        energy = self.of_file.get("photon_energy")
        if energy is not None and self.energy_scale != 1:
            self.of_file["photon_energy"] = Quantity(
                None if energy.value is None else energy.value * self.energy_scale,
                energy.location,
                energy.scale * self.energy_scale,
            )
        groups = dict(self.groups)
        for panel in panels:
            if panel.rigid_group is not None and panel.name not in groups.get(panel.rigid_group, ()):
                groups[panel.rigid_group] = (*groups.get(panel.rigid_group, ()), panel.name)
        for group, members in (*groups.items(), *self.collections.items()):
            for member in members:
                if member not in names and member not in groups:
                    raise GeometryError(
                        f"the group {group!r} has the member {member!r}, which is no panel and no group"
                    )
        return Geometry(
            panels=panels,
            bad_regions=tuple(_bad_region(name, region, names) for name, region in self.bad.items()),
            groups=groups,
            collections=dict(self.collections),
            unknown=tuple(self.unknown),
            **self.of_file,
        )


def _dimension(text: str) -> Dimension:
    if text in ("%", "ss", "fs"):
        return text  # type: ignore[return-value]
    try:
        index = values.whole(text)
    except ValueError:
        raise ValueError("expected %, ss, fs or an index") from None
    if index < 0:
        raise ValueError("expected an index of 0 or more")
    return index


def _panel(name: str, draft: _Draft) -> DetectorPanel:
    fields = {**_DIRECTIONS, **draft.fields}
    if missing := [key for key in _NEEDED if key not in fields]:
        raise GeometryError(
            f"the panel {name!r} has no {', '.join(missing)}; give it one, or a default before the panel is first mentioned"
        )
    for axis in ("fs", "ss"):
        if not 0 <= fields[f"min_{axis}"] <= fields[f"max_{axis}"]:
            raise GeometryError(
                f"the panel {name!r} goes from {axis} {fields[f'min_{axis}']} to {fields[f'max_{axis}']}; "
                "the first must be 0 or more, and the last not less"
            )
    if fields["res"] <= 0:
        raise GeometryError(f"the panel {name!r} has a res of {fields['res']}; give pixels per metre")
    dims = _dims(name, draft.dims)
    masks = {
        number: MaskSource(
            given["data"], given.get("file"), given.get("goodbits", 0), given.get("badbits", 0)
        )
        for number, given in sorted(draft.masks.items())
        if "data" in given
    }
    return DetectorPanel(name=name, dims=dims, masks=masks, **fields)


def _dims(name: str, given: dict[int, Dimension]) -> tuple[Dimension, ...]:
    if not given:
        return ("ss", "fs")
    missing = [axis for axis in range(max(given) + 1) if axis not in given]
    dims = [given.get(axis) for axis in range(max(given) + 1)]
    if missing or dims.count("ss") != 1 or dims.count("fs") != 1:
        raise GeometryError(
            f"the panel {name!r} has the dimensions {', '.join(f'dim{axis} = {dim}' for axis, dim in sorted(given.items()))}; "
            "every dim from 0 up must be given, one of them ss and one fs"
        )
    return tuple(dim for dim in dims if dim is not None)


def _bad_region(name: str, given: dict[str, Any], panels: set[str]) -> BadRegion:
    in_data = [axis for axis in ("fs", "ss") if f"min_{axis}" in given or f"max_{axis}" in given]
    in_laboratory = [axis for axis in ("x", "y") if f"min_{axis}" in given or f"max_{axis}" in given]
    if bool(in_data) == bool(in_laboratory):
        raise GeometryError(
            f"the bad region {name!r} is given by {', '.join(in_data + in_laboratory) or 'nothing'}; "
            "give min and max of fs and ss, or of x and y"
        )
    wanted = ("fs", "ss") if in_data else ("x", "y")
    if missing := [
        f"{end}_{axis}" for axis in wanted for end in ("min", "max") if f"{end}_{axis}" not in given
    ]:
        raise GeometryError(f"the bad region {name!r} has no {', '.join(missing)}")
    panel = given.get("panel")
    if panel is not None and panel not in panels:
        near = difflib.get_close_matches(panel, panels, 1)
        raise GeometryError(
            f"the bad region {name!r} is of a panel {panel!r}, which the geometry does not have"
            + (f"; did you mean {near[0]!r}?" if near else "")
        )

    def bounds(axis: str) -> Any:
        return (given[f"min_{axis}"], given[f"max_{axis}"]) if axis in wanted else None

    return BadRegion(name, bounds("fs"), bounds("ss"), bounds("x"), bounds("y"), panel)


def parse_geometry(text: str) -> Geometry:
    """The geometry that ``text`` describes. Raises GeometryError, with the line."""
    reader = _Reader()
    for count, line in enumerate(text.splitlines(), 1):
        content = line.split(";", 1)[0].strip()
        if not content:
            continue
        key, equals, value = (part.strip() for part in content.partition("="))
        if not equals or not key or not value:
            raise GeometryError(f"line {count} of the geometry, {content!r}, is not of the form key = value")
        try:
            known = reader.line(key, value)
        except ValueError as error:
            raise GeometryError(f"line {count} of the geometry, {content!r}: {error}") from None
        if not known:
            reader.unknown.append(f"line {count}: {content}")
    geometry = reader.geometry()
    if geometry.unknown:
        _log.warning(
            "the geometry has %d lines that are not understood and not used: %s",
            len(geometry.unknown),
            "; ".join(geometry.unknown[:5]),
        )
    return geometry


def read_geometry(path: str | Path) -> Geometry:
    """The geometry in a file. Raises GeometryError."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise GeometryError(f"the geometry {path} cannot be read: {error.strerror}") from None
    try:
        return parse_geometry(text)
    except GeometryError as error:
        raise GeometryError(f"{path}: {error}") from None
