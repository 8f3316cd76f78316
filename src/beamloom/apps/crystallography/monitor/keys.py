"""The keys of OM 23.8.3's monitor.yaml that its crystallography monitors know, and those that other versions and monitors have.

Names of keys, their types and which are required: as OM's configuration has them. What is not required has the default of the parameter.
"""

from __future__ import annotations

from typing import Final

from beamloom.apps.crystallography.monitor.kinds import (
    ANYTHING,
    FILES,
    MAPPING,
    NAMES,
    NUMBER,
    SWITCH,
    TEXT,
    WHOLE,
    Becomes,
    Handled,
    Key,
    Refused,
    Unused,
)

_COMMAND_LINE = "it is given on the command line"
_ALL_AT_ONCE = "workers merge their sums before they send them, as often as the reducer takes them"
_PSANA = Refused("psana is not read here; give files, a recording or a stream as SOURCE, and leave this out")
_ASAPO = Refused(
    "ASAP::O is not read here; give files, a recording or a stream as SOURCE, and leave this out"
)
_LASER = Refused(
    "event codes are not read here; set optical_laser_stream and optical_laser_field in the group beamloom, "
    "and leave this out"
)
_OTHER_VERSION = "it belongs to another version of OM; leave it out"

OM: Final[dict[str, Key]] = {
    "parallelization_layer": Handled(TEXT),
    "data_retrieval_layer": Handled(TEXT),
    "processing_layer": Handled(TEXT, required=True),
    "colors_in_rich_console": Unused(SWITCH, "the screen has its own colours"),
    "custom_rich_console_colors": Unused(MAPPING, "the screen has its own colours"),
    "source": Unused(TEXT, _COMMAND_LINE),
    "node_pool_size": Unused(WHOLE, _COMMAND_LINE),
    "configuration_file": Unused(TEXT, _COMMAND_LINE),
}

DATA_RETRIEVAL: Final[dict[str, Key]] = {
    "required_data": Handled(NAMES),
    "fallback_beam_energy_in_eV": Becomes("fallback_beam_energy_in_eV", NUMBER),
    "fallback_beam_energy": Becomes("fallback_beam_energy_in_eV", NUMBER),
    "fallback_detector_distance_in_mm": Becomes("fallback_detector_distance_in_mm", NUMBER),
    "fallback_detector_distance": Becomes("fallback_detector_distance_in_mm", NUMBER),
    "eiger_monitor_buffer_size": Unused(WHOLE, "the stream of the detector is read, not its monitor"),
    "num_frames_in_event_to_process": Unused(WHOLE, "each frame is an event, and all are processed"),
    "data_sources": Refused(_OTHER_VERSION + ", and name the SOURCE on the command line"),
    "lcls_extra": _PSANA,
}
"""Further keys have the name of a detector or of a source in them; see ``of_detectors``."""

CRYSTALLOGRAPHY: Final[dict[str, Key]] = {
    "geometry_file": Becomes("geometry_file", TEXT, required=True, is_file=True),
    "geometry_is_optimized": Becomes("geometry_is_optimized", SWITCH),
    "peakfinding_algorithm": Handled(TEXT),
    "min_num_peaks_for_hit": Becomes("min_num_peaks_for_hit", WHOLE, required=True),
    "max_num_peaks_for_hit": Becomes("max_num_peaks_for_hit", WHOLE, required=True),
    "running_average_window_size": Becomes("running_average_window_size", WHOLE),
    "speed_report_interval": Unused(WHOLE, "the dashboard and 'beamloom top' show the rate"),
    "data_broadcast_interval": Unused(WHOLE, "results are published as often as they change"),
    "hit_frame_sending_interval": Becomes("hit_frame_sending_interval", WHOLE),
    "non_hit_frame_sending_interval": Becomes("non_hit_frame_sending_interval", WHOLE),
    "data_broadcast_url": Becomes("data_broadcast_url", TEXT),
    "responding_url": Becomes("responding_url", TEXT),
    "external_data_request_list_size": Unused(WHOLE, "no client that asks is forgotten, however many there are"),
    "post_processing_binning": Handled(SWITCH),
    "pump_probe_experiment": Becomes("pump_probe_experiment", SWITCH),
    "peakogram_intensity_bin_size": Becomes("peakogram_intensity_bin_size", NUMBER),
    "peakogram_radius_bin_size": Becomes("peakogram_radius_bin_size", NUMBER),
}  # fmt: skip

_ALWAYS_LZ4 = "hits are compressed by bitshuffle and LZ4"
HIT_FILES: Final[dict[str, str]] = {
    "processed_filename_extension": "files of hits end in .cxi",
    "hdf5_fields": "files of hits have the layout of CXI, with frames at /entry_1/data_1/data",
    "hdf5_file_compression": _ALWAYS_LZ4,
    "hdf5_file_gzip_compression_level": _ALWAYS_LZ4,
    "hdf5_file_zstd_compression_level": _ALWAYS_LZ4,
    "hdf5_file_compression_shuffle": _ALWAYS_LZ4,
    "hdf5_file_data_type": "pixels keep the type that they have after the calibration",
}
"""Keys of the group ``cheetah`` that say how hits are written into HDF5 files, and how they are here."""

CHEETAH: Final[dict[str, Key]] = {
    "processed_directory": Handled(TEXT),
    "processed_filename_prefix": Becomes("processed_filename_prefix", TEXT),
    "status_file_update_interval": Becomes("status_file_update_interval", WHOLE),
    "write_class_sums": Becomes("write_class_sums", SWITCH),
    "class_sums_update_interval": Unused(
        WHOLE,
        "it counts messages in OM; sum files are written every 30 s, or as class_sums_update_interval in the group beamloom says",
    ),
    "class_sums_sending_interval": Unused(WHOLE, _ALL_AT_ONCE),
    "class_sum_filename_prefix": Becomes("class_sum_filename_prefix", TEXT),
    "class_sums_filename_prefix": Becomes("class_sum_filename_prefix", TEXT),
    "responding_url": Becomes("responding_url", TEXT),
    "external_data_request_list_size": Unused(WHOLE, "no client that asks is forgotten, however many there are"),
    "hdf5_file_max_num_peaks": Becomes("hdf5_file_max_num_peaks", WHOLE),
    **{name: Unused(ANYTHING, why) for name, why in HIT_FILES.items()},
}  # fmt: skip

PEAKFINDER8: Final[dict[str, Key]] = {
    "max_num_peaks": Becomes("max_num_peaks", WHOLE, required=True),
    "adc_threshold": Becomes("adc_threshold", NUMBER, required=True),
    "minimum_snr": Becomes("minimum_snr", NUMBER, required=True),
    "min_pixel_count": Becomes("min_pixel_count", WHOLE, required=True),
    "max_pixel_count": Becomes("max_pixel_count", WHOLE, required=True),
    "local_bg_radius": Becomes("local_bg_radius", WHOLE, required=True),
    "min_res": Becomes("min_res", WHOLE, required=True),
    "max_res": Becomes("max_res", WHOLE, required=True),
    "bad_pixel_map_filename": Becomes("bad_pixel_map_filename", TEXT, is_file=True),
    "bad_pixel_map_hdf5_path": Becomes("bad_pixel_map_hdf5_path", TEXT),
    "fast_mode": Handled(SWITCH),
    "number_of_pixel_per_bin_in_radial_statistics": Unused(
        WHOLE, "fast mode takes its statistics of rows of the frames before"
    ),
    "num_pixel_per_bin_in_radial_statistics": Unused(
        WHOLE, "fast mode takes its statistics of rows of the frames before"
    ),
    "detector_type": Unused(TEXT, "OM does not read it either"),
}

BINNING: Final[dict[str, Key]] = {
    "bin_size": Handled(WHOLE),
    "min_good_pix_count": Handled(WHOLE),
    "bad_pixel_value": Unused(NUMBER, "bins without enough good pixels have no value (NaN)"),
    "bad_pixel_map_filename": Handled(TEXT),
    "bad_pixel_map_hdf5_path": Handled(TEXT),
}

GROUPS: Final[dict[str, dict[str, Key]]] = {
    "om": OM,
    "data_retrieval_layer": DATA_RETRIEVAL,
    "crystallography": CRYSTALLOGRAPHY,
    "cheetah": CHEETAH,
    "peakfinder8_peak_detection": PEAKFINDER8,
    "binning": BINNING,
}

BEAMLOOM: Final = "beamloom"
"""A group that OM does not look at: parameters that OM does not have, by their names."""

OTHER_GROUPS: Final[dict[str, Key]] = {
    "radial_profile": Unused(MAPPING, "radial profiles have rings of one pixel"),
    "xes": Unused(MAPPING, "it belongs to OM's XES monitor"),
    "swaxs": Unused(MAPPING, "it belongs to OM's SWAXS monitor"),
    "peaknet_peak_detection": Refused("PeakNet is not here; peaks are sought by peakfinder8: leave this out"),
    "compression": Refused("hits are not compressed with loss; leave this out"),
    "line_detection": Refused("lines are not sought here; leave this out"),
    "correction": Refused(
        "it belongs to OM before 23.8; set calibration: dark-gain, dark_filename and gain_filename in the group beamloom"
    ),
}

PARALLELIZATION_LAYERS: Final = ("MpiParallelization", "MultiprocessingParallelization", "ZmqParallelization")
PROCESSING_LAYERS: Final = ("CrystallographyProcessing", "CheetahProcessing", "StreamingCheetahProcessing")
OTHER_PROCESSING_LAYERS: Final = ("XesProcessing", "TestProcessing", "SwaxsProcessing", "CbcProcessing")
RETRIEVAL_LAYERS: Final = (
    "PilatusFiles",
    "EigerFiles",
    "Jungfrau1MFiles",
    "Lambda1M5Files",
    "RayonixMccdFiles",
    "Jungfrau1MZmq",
    "EigerHttp",
    "EigerAsapo",
    "CxiLcls",
    "CxiLclsCspad",
    "LclsEpix100",
    "MfxLcls",
    "MfxLclsRayonix",
)
"""Each also with the ending DataRetrieval. Where frames come from is said by SOURCE alone."""
REQUIRED_DATA: Final = (
    "timestamp",
    "event_id",
    "detector_data",
    "beam_energy",
    "detector_distance",
    "frame_id",
    "optical_laser_active",
)


def of_detectors(name: str) -> Key | None:
    """The key of the group ``data_retrieval_layer`` that has the name of a detector or of a source in it."""
    if name.startswith("psana_"):
        return _PSANA
    if name.startswith("asapo_"):
        return _ASAPO
    if name.endswith("_evr_code"):
        return _LASER
    for ending, key in (
        ("_calibration", Handled(SWITCH)),
        ("_dark_filenames", Handled(FILES)),
        ("_gain_filenames", Handled(FILES)),
        ("_photon_energy_kev", Becomes("photon_energy_kev", NUMBER)),
    ):
        if name.endswith(ending) and len(name) > len(ending):
            return key
    return None
