"""OM's monitor.yaml becomes parameters, and whatever cannot be done is refused by its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.crystallography.monitor.monitors import line_of, prepared, read, text_of
from beamloom import ParameterSet, UserError
from beamloom.apps.crystallography import Reducer
from beamloom.apps.crystallography.monitor import keys, parse_monitor, read_monitor
from beamloom.apps.crystallography.monitor.kinds import Becomes, Refused, Unused


def test_a_usual_file_becomes_parameters_of_the_analysis(tmp_path: Path) -> None:
    monitor = read(tmp_path)
    assert monitor.processing_layer == "StreamingCheetahProcessing"
    assert not monitor.is_own_class
    assert monitor.values == {
        "fallback_beam_energy_in_eV": 9500,
        "fallback_detector_distance_in_mm": 100.0,
        "geometry_file": str(tmp_path / "detector.geom"),
        "min_num_peaks_for_hit": 9,
        "max_num_peaks_for_hit": 5000,
        "processed_directory": str(Path.cwd() / "processed"),
        "status_file_update_interval": 10,
        "write_class_sums": True,
        "max_num_peaks": 2048,
        "adc_threshold": 8,
        "minimum_snr": 6.0,
        "min_pixel_count": 2,
        "max_pixel_count": 40,
        "local_bg_radius": 3,
        "min_res": 0,
        "max_res": 0,
        "responding_url": "tcp://127.0.0.1:12322",
    }
    ParameterSet.from_values(monitor.values, Reducer.describe_parameters())


def test_a_file_on_disk_is_read_and_named_in_what_is_wrong(tmp_path: Path) -> None:
    file = prepared(tmp_path) / "monitor.yaml"
    file.write_text(text_of(crystallography={"min_num_peaks_for_hit": "ten"}))
    line = line_of(file.read_text(), "min_num_peaks_for_hit")
    with pytest.raises(UserError) as refused:
        read_monitor(file)
    assert (
        str(refused.value) == f"{file}:{line}: 'min_num_peaks_for_hit' is 'ten', but it takes a whole number"
    )


VALUES: dict[str, Any] = {
    "a text": "some",
    "a whole number": 3,
    "a number": 2.5,
    "true or false": True,
    "a list of names": ["detector_data"],
    "a mapping": {"a": 1},
    "a file name, or a list of them": "some",
    "anything": 4,
}
ALL_KEYS = [(group, name) for group, inside in keys.GROUPS.items() for name in inside]


@pytest.mark.parametrize(("group", "name"), ALL_KEYS)
def test_each_key_does_what_is_said_of_it(tmp_path: Path, group: str, name: str) -> None:
    kind = keys.GROUPS[group][name]
    if isinstance(kind, Refused):
        text = text_of(**{group: {name: "some"}})
        with pytest.raises(
            UserError, match=f"monitor.yaml:{line_of(text, name)}: '{name}' is not known here"
        ):
            read(tmp_path, **{group: {name: "some"}})
        return
    if isinstance(kind, Becomes) and not kind.is_file:
        value: Any = 7 if "bin_size" in name else VALUES[kind.takes.noun]
        more = {"beamloom": {"optical_laser_stream": "laser"}} if name == "pump_probe_experiment" else {}
        assert read(tmp_path, **{group: {name: value}}, **more).values[kind.parameter] == value
    elif isinstance(kind, Unused):
        monitor = read(tmp_path, **{group: {name: VALUES[kind.takes.noun]}})
        assert any(f": {name} has no effect: {kind.why}" in note for note in monitor.notes)
    if kind.takes.noun == "anything":
        return
    wrong: Any = [] if kind.takes.noun not in ("a list of names", "a file name, or a list of them") else 4
    text = text_of(**{group: {name: wrong}})
    with pytest.raises(UserError) as refused:
        read(tmp_path, **{group: {name: wrong}})
    assert f"but it takes {kind.takes.noun}" in str(refused.value)
    assert f"monitor.yaml:{line_of(text, name)}: " in str(refused.value)


@pytest.mark.parametrize(
    ("group", "name"), [(g, n) for g, n in ALL_KEYS if getattr(keys.GROUPS[g][n], "required", 0)]
)
def test_what_om_does_not_start_without_is_asked_for(tmp_path: Path, group: str, name: str) -> None:
    with pytest.raises(UserError, match=f"the key '{name}' of the group '{group}' is missing"):
        read(tmp_path, **{group: {name: None}})


def refusal(tmp_path: Path, **changes: dict[str, Any] | None) -> str:
    with pytest.raises(UserError) as refused:
        read(tmp_path, **changes)
    return str(refused.value)


def test_unknown_keys_and_groups_get_a_suggestion(tmp_path: Path) -> None:
    text = refusal(tmp_path, crystallography={"running_average_window": 5}, chetah={"a": 1})
    said = "unknown key 'running_average_window' of the group crystallography (did you mean 'running_average_window_size'?)"
    assert said in text
    assert "unknown group 'chetah' (did you mean 'cheetah'?)" in text


def test_a_key_in_the_wrong_group_is_sent_to_the_right_one(tmp_path: Path) -> None:
    text = refusal(tmp_path, cheetah={"adc_threshold": 5})
    assert "unknown key 'adc_threshold' of the group cheetah; it belongs to the group peakfinder8_peak_detection" in text  # fmt: skip


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    wrong = {"status_file_update_interval": "often"}
    text = refusal(tmp_path, om={"processing_layer": "CheetahProcesing"}, cheetah=wrong)
    assert "there is no processing layer 'CheetahProcesing' (did you mean 'CheetahProcessing'?)" in text
    assert "'status_file_update_interval' is 'often', but it takes a whole number" in text
    assert len(text.splitlines()) == 2


def test_values_are_held_against_the_limits_of_their_parameters(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"cheetah": {"status_file_update_interval": 0}}
    line = line_of(text_of(**changes), "status_file_update_interval")
    assert f"monitor.yaml:{line}: parameter 'status_file_update_interval'" in refusal(tmp_path, **changes)


@pytest.mark.parametrize("group", keys.OTHER_GROUPS)
def test_groups_of_other_monitors_are_known(tmp_path: Path, group: str) -> None:
    kind = keys.OTHER_GROUPS[group]
    if isinstance(kind, Refused):
        assert kind.instead in refusal(tmp_path, **{group: {"a": 1}})
    else:
        assert any(f"{group} has no effect" in note for note in read(tmp_path, **{group: {"a": 1}}).notes)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("psana_calibration_directory", "psana is not read here"),
        ("asapo_url", "ASAP::O is not read here"),
        ("optical_laser_evr_code", "set optical_laser_stream"),
    ],
)
def test_sources_that_are_not_read_are_refused(tmp_path: Path, key: str, said: str) -> None:
    assert said in refusal(tmp_path, data_retrieval_layer={key: "x"})


def test_layers_are_checked_by_name(tmp_path: Path) -> None:
    assert "did you mean 'MpiParallelization'" in refusal(
        tmp_path, om={"parallelization_layer": "MpiParalelization"}
    )
    assert "did you mean 'EigerFiles" in refusal(tmp_path, om={"data_retrieval_layer": "EigerFile"})
    assert "not serial crystallography" in refusal(tmp_path, om={"processing_layer": "XesProcessing"})
    assert "'detektor_data', which is not read here (did you mean 'detector_data'?)" in refusal(
        tmp_path, data_retrieval_layer={"required_data": ["detektor_data"]}
    )


def test_a_geometry_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "there is no file other.geom" in refusal(tmp_path, crystallography={"geometry_file": "other.geom"})


def test_only_peakfinder8_seeks_peaks(tmp_path: Path) -> None:
    assert "peaks are not sought by 'peaknet' here" in refusal(tmp_path, crystallography={"peakfinding_algorithm": "peaknet"})  # fmt: skip


def test_fast_mode_is_the_fast_mode(tmp_path: Path) -> None:
    assert read(tmp_path, peakfinder8_peak_detection={"fast_mode": True}).values["peakfinding_mode"] == "fast"
    assert "peakfinding_mode" not in read(tmp_path, peakfinder8_peak_detection={"fast_mode": False}).values


def test_binning_holds_only_where_it_is_switched_on(tmp_path: Path) -> None:
    group = {"bin_size": 2, "min_good_pix_count": 3}
    assert "bin_size" not in read(tmp_path, binning=group).values
    on = {"post_processing_binning": True}
    values = read(tmp_path, binning=group, crystallography=on).values
    assert (values["bin_size"], values["min_good_pix_count"]) == (2, 3)
    assert "needs bin_size" in refusal(tmp_path, crystallography=on)
    (tmp_path / "map.h5").write_bytes(b"")
    assert "one map holds for both" in refusal(
        tmp_path, crystallography=on, binning={"bin_size": 2, "bad_pixel_map_filename": "map.h5"}
    )


def test_files_of_a_calibration_switch_it_on(tmp_path: Path) -> None:
    for name in ("dark.h5", "gain.h5"):
        (tmp_path / name).write_bytes(b"")
    given = {
        "jungfrau1M_calibration": True,
        "jungfrau1M_dark_filenames": ["dark.h5"],
        "jungfrau1M_gain_filenames": "gain.h5",
        "jungfrau1M_photon_energy_kev": 9.5,
    }
    values = read(tmp_path, data_retrieval_layer=given).values
    assert values["calibration"] == "jungfrau"
    assert values["dark_filename"] == str(tmp_path / "dark.h5")
    assert values["photon_energy_kev"] == 9.5
    off = read(tmp_path, data_retrieval_layer={**given, "jungfrau1M_calibration": False})
    assert "calibration" not in off.values
    two = {**given, "jungfrau1M_dark_filenames": ["dark.h5", "dark.h5"]}
    assert "join the 2 files into one" in refusal(tmp_path, data_retrieval_layer=two)
    alone = {"jungfrau1M_calibration": True}
    assert "a calibration needs files" in refusal(tmp_path, data_retrieval_layer=alone)


def test_the_monitor_without_files_writes_none(tmp_path: Path) -> None:
    monitor = read(tmp_path, om={"processing_layer": "CrystallographyProcessing"})
    assert "processed_directory" not in monitor.values
    assert "responding_url" not in monitor.values
    assert any("processed_directory has no effect" in note for note in monitor.notes)


def test_cheetah_writes_hits_into_files(tmp_path: Path) -> None:
    cheetah = {
        "processed_filename_prefix": "run5",
        "hdf5_file_max_num_peaks": 500,
        "hdf5_fields": {"a": "/b"},
    }
    monitor = read(tmp_path, om={"processing_layer": "CheetahProcessing"}, cheetah=cheetah)
    assert monitor.values["write_hits"] is True
    assert monitor.values["processed_filename_prefix"] == "run5"
    assert monitor.values["hdf5_file_max_num_peaks"] == 500
    assert any(
        "hdf5_fields has no effect: files of hits have the layout of CXI" in note for note in monitor.notes
    )
    assert "write_hits" not in read(tmp_path, cheetah=cheetah).values


def test_cheetah_asks_for_its_folder(tmp_path: Path) -> None:
    assert "needs processed_directory" in refusal(tmp_path, cheetah={"processed_directory": None})


def test_parameters_of_beamloom_stand_in_a_group_that_om_does_not_read(tmp_path: Path) -> None:
    own = {"peakfinding_mode": "exact", "adu_per_photon": 2.0, "adc_threshold": 9}
    values = read(tmp_path, beamloom=own).values
    assert own.items() <= values.items()
    assert "there is no parameter 'peakfinding_mod' (did you mean 'peakfinding_mode'?)" in refusal(
        tmp_path, beamloom={"peakfinding_mod": "exact"}
    )
    assert "peakfinding_mode" in refusal(tmp_path, beamloom={"peakfinding_mode": "slow"})


def test_a_class_of_ones_own_reads_its_own_groups(tmp_path: Path) -> None:
    text = text_of(om={"processing_layer": "mine:MyProcessing"}, mine={"any": 1}, crystallography={"new": 2})
    monitor = parse_monitor(text, folder=tmp_path)
    assert monitor.is_own_class
    assert monitor.processing_layer == "mine:MyProcessing"
    assert monitor.groups["mine"] == {"any": 1}
    (tmp_path / "processing_layer.py").write_text("class MyProcessing: ...\n")
    monitor = parse_monitor(text_of(om={"processing_layer": "MyProcessing"}), folder=tmp_path)
    assert monitor.processing_layer == "processing_layer:MyProcessing"


def test_a_file_without_groups_is_no_monitor_yaml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no groups"):
        parse_monitor("", folder=tmp_path)
