"""What can be set, while a run goes on as well: each change holds from an exact event.

Names are those of OM's configuration where it has the same thing, so that a monitor.yaml can be carried over line by line. Files are file
parameters: their content is sent along, or, where only the name was set, read by each worker.
"""

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

GEOMETRY = (
    FileParameter(name="geometry_file", description="CrystFEL geometry of the detector"),
    StrParameter(
        name="detector_stream",
        description="stream of the detector; empty: the one stream that sends images",
    ),
    IntParameter(
        name="detector_channel",
        min=0,
        description="which of several images of a frame is taken, as of the thresholds of an Eiger2",
    ),
    FloatParameter(
        name="fallback_beam_energy_in_eV",
        min=0,
        unit="eV",
        description="photon energy where the geometry has none; 0: not known, and no resolutions then",
    ),
    FloatParameter(
        name="fallback_detector_distance_in_mm",
        min=0,
        unit="mm",
        description="from sample to detector where the geometry has no number for it; 0: not known",
    ),
)
SEARCH = (
    ChoiceParameter(
        name="peakfinding_mode",
        choices=["robust", "exact", "fast"],
        description="exact: as OM; fast: with statistics of the frames before, so that peaks depend on them a little",
    ),
    FloatParameter(
        name="adc_threshold", default=100, unit="adu", description="least value of a pixel of a peak"
    ),
    FloatParameter(name="minimum_snr", default=5, min=0, description="of pixels over the ring, and of peaks"),
    IntParameter(name="min_pixel_count", default=2, min=0, unit="pixel"),
    IntParameter(name="max_pixel_count", default=40, min=0, unit="pixel"),
    IntParameter(name="local_bg_radius", default=3, min=0, unit="pixel"),
    IntParameter(name="max_num_peaks", default=2048, min=1, description="peaks that are kept of a frame"),
    IntParameter(
        name="min_res", min=0, unit="pixel", description="nearest to the beam that peaks are sought"
    ),
    IntParameter(
        name="max_res",
        min=0,
        unit="pixel",
        description="farthest from the beam that peaks are sought; 0: no limit",
    ),
    FloatParameter(
        name="adu_per_photon",
        min=0,
        unit="adu",
        description="0: that of the geometry, and without one 1 for whole numbers",
    ),
    FileParameter(
        name="bad_pixel_map_filename", description="HDF5 file: pixels of 0 are not used; empty: none"
    ),
    StrParameter(name="bad_pixel_map_hdf5_path", default="/data/data"),
)
HITS = (
    IntParameter(
        name="min_num_peaks_for_hit", default=10, min=-1, description="a hit has more peaks than this"
    ),
    IntParameter(
        name="max_num_peaks_for_hit", default=5000, min=0, description="a hit has fewer peaks than this"
    ),
    FloatParameter(
        name="max_resolution_for_hit",
        min=0,
        unit="Å",
        description="a hit diffracts to this spacing or finer; 0: however far",
    ),
    IntParameter(
        name="max_saturated_peaks_for_hit",
        default=-1,
        min=-1,
        description="a hit has at most so many saturated peaks; -1: any number",
    ),
    FloatParameter(
        name="saturation_value",
        min=0,
        unit="adu",
        description="a peak with a raw pixel of this or more is saturated; 0: max_adu of the geometry",
    ),
)
VETO = (
    BoolParameter(
        name="veto",
        description="frames whose compressed blocks are as short as those of blank frames are not unpacked, and count as non-hits",
    ),
    FloatParameter(
        name="veto_wanted_recall",
        default=0.99,
        min=0.01,
        max=0.999,
        description="share of the hits that is to be found all the same; the nearer to 1, the more hits have to be known first",
    ),
    FloatParameter(
        name="veto_audited_share",
        default=0.05,
        min=0.001,
        max=1,
        description="share of the vetoed frames that is searched all the same, which tells how many hits the veto loses",
    ),
)
CALIBRATION = (
    ChoiceParameter(
        name="calibration",
        choices=["none", "dark-gain", "jungfrau"],
        description="dark-gain: (raw - dark) / gain; jungfrau: the same by gain stage, in photons",
    ),
    FileParameter(name="dark_filename", description="HDF5 file of the dark level; empty: 0"),
    StrParameter(
        name="dark_hdf5_path", default="/", description="dataset, or group with gain0, gain1, gain2"
    ),
    FileParameter(name="gain_filename", description="HDF5 file, or raw float64, of the gain; empty: 1"),
    StrParameter(name="gain_hdf5_path", default="/data/data"),
    FloatParameter(
        name="photon_energy_kev", min=0, unit="keV", description="of jungfrau; 0: the result is in keV"
    ),
    ChoiceParameter(
        name="common_mode",
        choices=["none", "panel", "row", "column"],
        description="whose median is taken off: of panels, or of their rows or columns",
    ),
)
BINNING = (
    IntParameter(
        name="bin_size", default=1, min=1, max=64, unit="pixel", description="of what is summed and shown"
    ),
    IntParameter(
        name="min_good_pix_count",
        min=0,
        unit="pixel",
        description="good pixels that a bin needs; 0: all of them",
    ),
)
CLASSES = (
    BoolParameter(name="pump_probe_experiment", description="tell frames with and without laser apart"),
    StrParameter(name="optical_laser_stream", description="stream that tells of the laser"),
    StrParameter(
        name="optical_laser_field",
        default="value",
        description="where in its packet, as values.laser; 0, false, off and empty: no laser",
    ),
)
SHOWN = (
    IntParameter(
        name="running_average_window_size",
        default=200,
        min=1,
        description="events that a hit rate is taken of",
    ),
    IntParameter(name="peakogram_intensity_bin_size", default=100, min=1, unit="adu"),
    IntParameter(name="peakogram_radius_bin_size", default=5, min=1, unit="pixel"),
    IntParameter(
        name="hit_frame_sending_interval",
        default=10,
        min=0,
        description="hits of events that this divides are shown; 0: none",
    ),
    IntParameter(
        name="last_hits_shown",
        default=8,
        min=1,
        max=64,
        description="of these, as small pictures beside each other",
    ),
    IntParameter(
        name="non_hit_frame_sending_interval", min=0, description="the same of frames that are no hits"
    ),
    IntParameter(
        name="class_sums_interval",
        default=1,
        min=0,
        description="frames of events that this divides are summed; 0: none. Peaks are always",
    ),
    BoolParameter(
        name="geometry_is_optimized",
        default=True,
        description="rings of resolution are shown only where it is",
    ),
    IntParameter(name="reset", description="any other number begins sums, powders and peakogram anew"),
)
FILES = (
    StrParameter(
        name="processed_directory",
        description="folder for status.txt and lists, made if missing; {run} is the run; empty: no files",
    ),
    IntParameter(
        name="status_file_update_interval", default=100, min=1, description="events between two updates"
    ),
    BoolParameter(name="write_class_sums", default=True),
    StrParameter(name="class_sum_filename_prefix", default="processed"),
    FloatParameter(
        name="class_sums_update_interval", default=30, min=1, unit="s", description="between two updates of sum files"
    ),
)  # fmt: skip
STORED = (
    BoolParameter(
        name="write_hits",
        description="frames and peaks of hits go to NeXus/CXI files in processed_directory",
    ),
)
HIT_FILES = (
    StrParameter(name="processed_filename_prefix", default="processed", description="of the names of files of hits"),
    IntParameter(name="hits_per_file", default=1000, min=1, description="hits after which the next file begins"),
    IntParameter(
        name="hdf5_file_max_num_peaks", default=1024, min=1, description="peaks that are stored of a hit, the strongest"
    ),
)  # fmt: skip
STREAM = (
    StrParameter(
        name="responding_url",
        description="where CrystFEL asks for hits, as tcp://127.0.0.1:12322; empty: hits are not streamed",
    ),
)
STREAMING = (
    StrParameter(
        name="data_broadcast_url", description="where frames of hits and results are published as well; empty: nowhere"
    ),
    IntParameter(name="hit_stream_memory", default=1000, min=1, unit="MB", description="for hits that wait"),
    ChoiceParameter(
        name="hit_stream_when_full",
        choices=["drop_oldest", "drop_newest", "spill"],
        description="which hits go when nobody asks for them; spill: they go to hit_stream_folder",
    ),
    StrParameter(
        name="hit_stream_folder",
        description="folder for hits that wait, and for which were taken, so that none is streamed twice; empty: neither",
    ),
    ChoiceParameter(name="hit_stream_pixels", choices=["float32", "int32"]),
)  # fmt: skip
_ALL = (*GEOMETRY, *SEARCH, *HITS, *VETO, *CALIBRATION, *BINNING, *CLASSES, *SHOWN, *STREAM, *STORED)


def of_workers() -> list[Parameter]:
    """The parameters that workers read."""
    return list(_ALL)


def of_reducer() -> list[Parameter]:
    """The parameters that the reducer reads: what it shows has the shape that those of the workers give it."""
    return [*_ALL, *FILES, *HIT_FILES, *STREAMING]
