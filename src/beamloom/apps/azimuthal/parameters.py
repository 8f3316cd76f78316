"""Everything that can be set. A change of what is in INTEGRATION begins patterns anew, from an exact event on."""

from __future__ import annotations

from beamloom import (
    ArrayParameter,
    BoolParameter,
    ChoiceParameter,
    FileParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    StrParameter,
)

INTEGRATION: list[Parameter] = [
    FileParameter(name="poni", description="geometry as pyFAI-calib2 writes it; it names the detector"),
    FileParameter(
        name="mask",
        description=".npy file of an array of the frame's shape, not 0 for pixels that do not count; empty: those that the "
        "detector of the .poni file does not have",
    ),
    IntParameter(name="bins", default=1000, min=2, max=65000, description="bins of a pattern"),
    ChoiceParameter(
        name="unit",
        choices=["q_A^-1", "q_nm^-1", "2th_deg", "2th_rad", "r_mm"],
        description="of the pattern's axis",
    ),
    ChoiceParameter(
        name="pixel_splitting",
        choices=["bbox", "no", "full"],
        description="a pixel counts for all bins that its box lies in, for that of its centre, or for those of its corners",
    ),
    BoolParameter(name="correct_solid_angle", default=True),
    BoolParameter(name="correct_polarization"),
    FloatParameter(
        name="polarization_factor", default=0.95, min=-1, max=1, description="1: horizontal, -1: vertical"
    ),
    ArrayParameter(name="radial_range", shape=(None,), description="from, to, in the unit; empty: all"),
    ArrayParameter(
        name="azimuth_range",
        shape=(None,),
        min=-360,
        max=360,
        unit="deg",
        description="from, to; empty: all",
    ),
    ArrayParameter(
        name="valid_range",
        shape=(None,),
        unit="counts",
        description="least and highest value of a pixel that counts; empty: all but the highest of the frames' type, none below 0",
    ),
    IntParameter(
        name="azimuthal_bins", min=0, max=7200, description="of cakes; 0: patterns only, which is faster"
    ),
    FloatParameter(
        name="sigma_clip",
        min=0,
        unit="sigma",
        description="patterns without pixels that are farther from the mean of their bin; 0: none of these",
    ),
    IntParameter(name="sigma_clip_rounds", default=5, min=1, max=100),
    BoolParameter(name="counting_errors", description="whether patterns have errors by counting statistics"),
    IntParameter(
        name="waterfall_rows", default=500, min=1, unit="frame", description="latest patterns that are kept"
    ),
    StrParameter(
        name="i0",
        description="what patterns are divided by, as stream and name: alba.channel1; empty: nothing",
    ),
    FloatParameter(
        name="i0_reference", default=1.0, min=1e-300, description="the i0 that patterns are scaled to"
    ),
]
STREAMS: list[Parameter] = [
    StrParameter(
        name="detector_stream", description="stream of the detector; empty: the only one that has images"
    ),
    FloatParameter(name="i0_least", description="frames whose i0 is not above this have no pattern: no beam"),
    IntParameter(
        name="show_every", default=10, min=1, unit="event", description="of which events the frame is shown"
    ),
]
ALL = [*INTEGRATION, *STREAMS]
