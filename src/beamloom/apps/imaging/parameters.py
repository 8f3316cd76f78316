"""Everything that can be set."""

from __future__ import annotations

from beamloom import (
    ArrayParameter,
    BoolParameter,
    ChoiceParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    StrParameter,
)

CAMERA: list[Parameter] = [
    StrParameter(
        name="detector_stream", description="stream of the camera; empty: the only one that has images"
    ),
    IntParameter(
        name="show_every", default=10, min=1, unit="event", description="of which events the frame is shown"
    ),
]
STATISTICS: list[Parameter] = [
    ArrayParameter(
        name="regions",
        element="int64",
        min=0,
        unit="pixel",
        description="regions whose means are taken: [[first row, first column, end row, end column], ...], eight at most",
    ),
    FloatParameter(
        name="centre_threshold",
        unit="counts",
        description="the centre of mass is that of what exceeds this",
    ),
    BoolParameter(
        name="variance",
        description="whether the variance of each pixel is taken, which costs several times the sum",
    ),
]
PHOTONS: list[Parameter] = [
    FloatParameter(
        name="photon_threshold",
        min=0,
        unit="counts",
        description="pixels above this belong to photons; 0: photons are not counted",
    ),
    FloatParameter(
        name="photon_seed",
        min=0,
        unit="counts",
        description="what the brightest pixel of a photon exceeds; 0: photon_threshold",
    ),
    FloatParameter(name="photon_offset", unit="counts", description="what a pixel shows without a photon"),
    IntParameter(
        name="photon_most_pixels",
        default=25,
        min=1,
        unit="pixel",
        description="larger clusters are no single photons",
    ),
    ChoiceParameter(
        name="photon_neighbours",
        choices=(8, 4),
        description="pixels that a pixel touches: with or without corners",
    ),
    FloatParameter(
        name="photon_energy_bin",
        default=5.0,
        min=1e-6,
        unit="counts",
        description="width of a bin of the spectrum",
    ),
    IntParameter(
        name="photon_energy_bins",
        default=500,
        min=1,
        max=1_000_000,
        description="bins of the spectrum, from 0 on",
    ),
    IntParameter(
        name="photon_subpixels",
        default=1,
        min=1,
        max=8,
        description="parts of a pixel, along each axis, in the image of the photons",
    ),
]
