"""Everything that can be set."""

from __future__ import annotations

from beamloom import (
    BoolParameter,
    ChoiceParameter,
    FileParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    StrParameter,
)
from beamloom.apps.tomography.filtering import WINDOWS

ANGLES: list[Parameter] = [
    StrParameter(
        name="detector_stream", description="stream of the camera; empty: the only one that has images"
    ),
    StrParameter(
        name="angle_stream", description="stream of the encoder; empty: the one that has the column"
    ),
    StrParameter(
        name="angle_column", default="INENC1.VAL.Mean", description="column or field that has the angle"
    ),
    StrParameter(
        name="time_column",
        default="PCAP.TS_TRIG.Value",
        description="column or field that has the time of the frame, in seconds",
    ),
    FloatParameter(name="angle_scale", default=1.0, unit="degree", description="of one unit of the encoder"),
    FloatParameter(name="angle_offset", unit="degree", description="angle at which the encoder shows 0"),
    FloatParameter(
        name="angle_turn",
        min=0,
        unit="degree",
        description="after which the encoder begins again, at half of it from where it shows 0; 0: it does not",
    ),
]
SENDING: list[Parameter] = [
    StrParameter(
        name="republish_url",
        default="tcp://127.0.0.1:9998",
        description="where frames are sent from with their angles, as STINS",
    ),
    IntParameter(
        name="republish_queue",
        default=100,
        min=1,
        unit="frame",
        description="frames that wait for a reader that is slow; those beyond are left out and counted",
    ),
]
PROJECTIONS: list[Parameter] = [
    BoolParameter(name="slices", default=True, description="whether slices are reconstructed"),
    FileParameter(name="dark_file", description=".npy: an image without beam, of the shape of a frame"),
    FileParameter(name="flat_file", description=".npy: an image with beam and without sample"),
    IntParameter(
        name="air_columns",
        min=0,
        unit="pixel",
        description="columns at either edge that never see the sample: the beam is levelled by them",
    ),
    IntParameter(
        name="slice_pixels",
        default=256,
        min=16,
        unit="pixel",
        description="columns that projections are binned to at most, before they are kept and reconstructed",
    ),
    ChoiceParameter(name="filter", choices=WINDOWS, description="window of the ramp filter, against noise"),
]
SLICES: list[Parameter] = [
    FloatParameter(
        name="centre",
        min=0,
        unit="pixel",
        description="column of the frame in which the axis of rotation is seen; 0: it is found",
    ),
    ChoiceParameter(
        name="centre_method",
        choices=("mass", "pair"),
        description="how it is found: by the centres of mass of a sample that is seen whole, or by projections half a turn apart",
    ),
    IntParameter(
        name="slice_row", default=-1, min=-1, unit="pixel", description="row of the slice; -1: the middle one"
    ),
    FloatParameter(name="slice_x", unit="pixel", description="where the slice over y lies, from the axis"),
    FloatParameter(name="slice_y", unit="pixel", description="where the slice over x lies, from the axis"),
]
