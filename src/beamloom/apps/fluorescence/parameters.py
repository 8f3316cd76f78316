"""Everything that can be set. A change of what is in ANALYSIS begins the maps anew, from an exact event on."""

from __future__ import annotations

from beamloom import (
    ArrayParameter,
    BoolParameter,
    ChoiceParameter,
    FileParameter,
    FloatParameter,
    Parameter,
    StrParameter,
)

ANALYSIS: list[Parameter] = [
    StrParameter(
        name="regions",
        description="names and channels, both included: Fe 625-655, Cu 790-820; empty: none",
    ),
    FileParameter(
        name="fit_configuration",
        description=".cfg that PyMca saves, of a linear fit to the whole spectrum; empty: regions only",
    ),
    BoolParameter(
        name="negative_amounts", description="whether a fit may find less than nothing of an element"
    ),
    ArrayParameter(
        name="detector_elements",
        element="int64",
        shape=(None,),
        min=0,
        description="elements of the detector whose spectra are added up, from 0; empty: all",
    ),
    StrParameter(
        name="dead_time",
        description="what spectra are multiplied by, one number or one for each element of the detector: xspress3.meta.dtc; empty: 1",
    ),
    StrParameter(
        name="i0",
        description="what amounts are divided by, as stream and name: alba.channel1; empty: nothing",
    ),
    FloatParameter(
        name="i0_reference", default=1.0, min=1e-300, description="the i0 that amounts are scaled to"
    ),
    StrParameter(
        name="x",
        description="position along the fast axis, as stream and name: contrast.pseudo.x, pcap.INENC1.VAL.Mean; empty: none",
    ),
    StrParameter(name="y", description="the same along the slow axis"),
    ChoiceParameter(
        name="line_packet",
        choices=["last", "first"],
        description="where positions of a whole line come in one packet: with its last event, or with its first",
    ),
]
SHOWN: list[Parameter] = [
    StrParameter(
        name="spectra_stream", description="stream of the spectrometer; empty: the only one that has spectra"
    ),
    ChoiceParameter(
        name="grid",
        choices=["found", "steps", "points"],
        description="maps on the grid that positions lie on, on one of x_step and y_step, or as points wherever they are",
    ),
    FloatParameter(name="x_step", default=1.0, min=1e-12, description="width of a pixel of maps by steps"),
    FloatParameter(name="y_step", default=1.0, min=1e-12, description="height of a pixel of maps by steps"),
    ArrayParameter(
        name="tolerance",
        shape=(None,),
        min=0,
        description="how far positions of one line of a found grid lie apart, in x and y; empty: a quarter of the step",
    ),
    StrParameter(name="position_units", default="um", description="units of x and y"),
]
ALL = [*ANALYSIS, *SHOWN]
