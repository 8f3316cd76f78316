"""A detector's geometry as a CrystFEL file describes it (crystfel_geometry(5)), in its own words.

Lengths across the beam are in pixels of the panel, along it in metres. fs and ss are the fast and the slow direction of the data, x, y and
z those of the laboratory: z along the beam, y up, x to complete a right-handed system.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Final, Literal

from beamloom import UserError

EV_ANGSTROM: Final = 12398.419843320026
"""h c in eV Å (CODATA 2018, exact)."""
_ELECTRON_REST_ENERGY: Final = 510998.95
"""In eV (CODATA 2018)."""

Dimension = Literal["%", "ss", "fs"] | int
"""What an axis of the data stands for: frames, ss, fs, or one fixed index."""
Vector = tuple[float, float, float]


class GeometryError(UserError, ValueError):
    """A geometry that cannot be read, or not be used for what is asked."""


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A number, or where in the data of a frame it is."""

    value: float | None
    """In the unit of the field, whatever unit the file has; None where there is a location."""
    location: str | None = None
    scale: float = 1.0
    """By which what is found at the location is multiplied."""

    def of_frame(self, found: float | None, name: str) -> float:
        """The number; ``found`` is what the frame has at the location, or None. Raises GeometryError if that is needed."""
        if self.value is not None:
            return self.value
        if found is None:
            raise GeometryError(
                f"the geometry takes {name} from {self.location} of each frame; give the value that is there"
            )
        return found * self.scale


@dataclasses.dataclass(frozen=True)
class MaskSource:
    """One of up to eight masks: where it is, and how its bits are to be read."""

    data: str
    file: str | None = None
    """None: the file of the data itself."""
    good_bits: int = 0
    """All of these must be set in a pixel that counts."""
    bad_bits: int = 0
    """None of these may be."""


@dataclasses.dataclass(frozen=True)
class DetectorPanel:
    """One panel."""

    name: str
    min_fs: int
    max_fs: int
    min_ss: int
    max_ss: int
    """Ends are inclusive, and count in the data block of the panel."""
    corner_x: float
    corner_y: float
    """Where the outer corner of the first pixel lies."""
    fs: Vector
    ss: Vector
    """One step along fs or ss, in pixels."""
    res: float
    """Pixels per metre."""
    coffset: float = 0.0
    """In metres, added to clen."""
    clen: Quantity | None = None
    """In metres, of this panel alone, as older files have it."""
    data: str = "/data/data"
    dims: tuple[Dimension, ...] = ("ss", "fs")
    adu_per_ev: float | None = None
    adu_per_photon: float | None = None
    max_adu: float | None = None
    saturation_map: str | None = None
    saturation_map_file: str | None = None
    no_index: bool = False
    mask_edge_pixels: int = 0
    flag_lessthan: tuple[float, ...] = ()
    flag_morethan: tuple[float, ...] = ()
    flag_equal: tuple[float, ...] = ()
    masks: Mapping[int, MaskSource] = dataclasses.field(default_factory=dict)
    rigid_group: str | None = None
    rail_direction: Vector | None = None
    clen_for_centering: float | None = None
    badrow_direction: str | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels along ss and fs."""
        return self.max_ss - self.min_ss + 1, self.max_fs - self.min_fs + 1


@dataclasses.dataclass(frozen=True)
class BadRegion:
    """Pixels that are never looked at: from and to, both inclusive, in data or in laboratory coordinates."""

    name: str
    fs: tuple[int, int] | None
    ss: tuple[int, int] | None
    x: tuple[float, float] | None
    y: tuple[float, float] | None
    """In pixels; a pixel is in it where its centre is."""
    panel: str | None
    """None: all panels."""


@dataclasses.dataclass(frozen=True)
class Geometry:
    """A whole file."""

    panels: tuple[DetectorPanel, ...]
    bad_regions: tuple[BadRegion, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """``group_NAME`` and ``rigid_group_NAME``: panels, or names of groups."""
    collections: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """``rigid_group_collection_NAME``: names of groups."""
    clen: Quantity | None = None
    """In metres."""
    photon_energy: Quantity | None = None
    """In eV."""
    wavelength: Quantity | None = None
    """In Å."""
    electron_voltage: Quantity | None = None
    """In V."""
    bandwidth: float | None = None
    detector_shift_x: Quantity | None = None
    detector_shift_y: Quantity | None = None
    """In metres."""
    peak_list: str | None = None
    peak_list_type: str | None = None
    unknown: tuple[str, ...] = ()
    """Lines that say nothing to this reader, each with its number."""

    def panel(self, name: str) -> DetectorPanel:
        """The panel of this name. Raises GeometryError."""
        for panel in self.panels:
            if panel.name == name:
                return panel
        raise GeometryError(f"the geometry has no panel {name!r}")

    def wavelength_of_frame(self, found: float | None = None) -> float:
        """The wavelength in Å; ``found``: what the frame has where the geometry refers to the frame. Raises GeometryError."""
        if self.wavelength is not None:
            length = self.wavelength.of_frame(found, "the wavelength")
        elif self.photon_energy is not None:
            energy = self.photon_energy.of_frame(found, "the photon energy")
            length = EV_ANGSTROM / energy if energy > 0 else math.nan
        elif self.electron_voltage is not None:
            volts = self.electron_voltage.of_frame(found, "the voltage")
            # De Broglie's wavelength of a relativistic electron.
            length = EV_ANGSTROM / math.sqrt(max(volts, 0) * (volts + 2 * _ELECTRON_REST_ENERGY) or math.nan)
        else:
            raise GeometryError(
                "the geometry has no photon_energy, wavelength or electron_voltage; add a line such as photon_energy = 9500 eV"
            )
        if not 0 < length < math.inf:
            raise GeometryError(
                f"the wavelength would be {length} Å; look at photon_energy or wavelength of the geometry"
            )
        return length

    def distance_of_frame(self, panel: DetectorPanel, found: float | None = None) -> float:
        """From the sample to the corner of ``panel`` along the beam, in metres; ``found`` as above. Raises GeometryError."""
        clen = panel.clen if panel.clen is not None else self.clen
        if clen is None:
            raise GeometryError("the geometry has no clen; add a line such as clen = 0.15 m")
        return clen.of_frame(found, "clen") + panel.coffset
