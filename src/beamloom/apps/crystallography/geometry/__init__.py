"""Detector geometries as CrystFEL writes them, and what follows from one: slabs, pixel maps, masks, assembled images."""

from beamloom.apps.crystallography.geometry.assembled import Assembly
from beamloom.apps.crystallography.geometry.maps import PixelMaps
from beamloom.apps.crystallography.geometry.model import (
    BadRegion,
    DetectorPanel,
    Geometry,
    GeometryError,
    MaskSource,
    Quantity,
)
from beamloom.apps.crystallography.geometry.parse import parse_geometry, read_geometry
from beamloom.apps.crystallography.geometry.slab import Slab

__all__ = [
    "Assembly",
    "BadRegion",
    "DetectorPanel",
    "Geometry",
    "GeometryError",
    "MaskSource",
    "PixelMaps",
    "Quantity",
    "Slab",
    "parse_geometry",
    "read_geometry",
]
