"""Everything that can be set."""

from __future__ import annotations

from beamloom import (
    ArrayParameter,
    ChoiceParameter,
    FileParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    StrParameter,
)

IMAGE: list[Parameter] = [
    StrParameter(
        name="detector_stream", description="stream of the camera; empty: the only one that has images"
    ),
    ChoiceParameter(
        name="energy_along", choices=("columns", "rows"), description="along what the image is dispersed"
    ),
    ArrayParameter(
        name="curvature",
        unit="pixel",
        description="c1, c2, ...: a line is displaced by c1 d + c2 d^2 + ... at d rows from the middle row",
    ),
    ArrayParameter(
        name="region",
        element="int64",
        min=0,
        unit="pixel",
        description="what is projected: [first row, first column, end row, end column]; empty: all",
    ),
    FileParameter(name="mask_file", description=".npy of the shape of a frame: nonzero pixels are left out"),
    FloatParameter(name="least_counts", unit="counts", description="pixels with less count as 0"),
    FloatParameter(
        name="most_counts", min=0, unit="counts", description="pixels with more count as 0; 0: no limit"
    ),
    IntParameter(
        name="bins_per_pixel", default=1, min=1, max=8, description="bins of the spectrum along a pixel"
    ),
    ArrayParameter(
        name="energy_calibration",
        unit="eV",
        description="e0, e1, ...: the energy of column c is e0 + e1 c + e2 c^2 ...; empty: columns",
    ),
    ArrayParameter(
        name="emission_window",
        unit="eV",
        description="[from, to] on the axis of the spectrum: what is counted at each point of a scan; empty: all",
    ),
]
SCAN: list[Parameter] = [
    StrParameter(
        name="energy",
        description="where the energy of the beam is, as stream.name: sardana.mono_energy; empty: there is no scan",
    ),
    FloatParameter(name="energy_scale", default=1.0, unit="eV", description="of one unit of it"),
    FloatParameter(
        name="energy_step",
        default=0.1,
        min=1e-6,
        unit="eV",
        description="energies that are the same in these steps are one point",
    ),
    StrParameter(
        name="i0",
        description="where the beam before the sample is: alba.channel1, pcap.values.FMC_IN.VAL1.Mean; empty: not normalised",
    ),
    StrParameter(name="transmitted", description="where the beam behind the sample is; empty: no absorption"),
]
