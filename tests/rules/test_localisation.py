"""Localization as a rule: the same table as in one call, wherever the series is cut and whoever writes it."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from beamloom.apps.localization import Camera, Settings, Simulation, localize, read_table
from beamloom.rules import (
    LocalisationRule,
    LocalisationRuleFactory,
    RuleEngine,
    RuleRefused,
    SpoolLocalLocalizationRule,
    SpoolWriter,
    verify_cluster_results_filename,
)
from beamloom.rules.arrays import Array
from beamloom.rules.metadata import settings
from support.patience import STARTING

pytestmark = pytest.mark.timeout(500)
"""The first one that localises has the functions compiled, where nobody has before."""
CAMERA = Camera(offset=100.0, electrons_per_count=1.0, read_noise=1.5, pixel_size=100.0)
METADATA = {
    "voxelsize": {"x": 0.1, "y": 0.1},
    "Camera.ADOffset": 100.0,
    "Camera.ElectronsPerCount": 1.0,
    "Camera.ReadNoise": 1.5,
    "localize.threshold": 6.0,
    "localize.background": 4,
}
SETTINGS = Settings(camera=CAMERA, threshold=6.0, background=4)


@pytest.fixture(scope="module")
def pixels() -> Array:
    """A short series of blinking molecules."""
    simulation = Simulation(seed=3, frames=90, shape=(48, 48), molecules=40, camera=CAMERA)
    return simulation.stack()


def spool(folder: Path, pixels: Array, metadata: dict[str, Any] | None = None) -> SpoolWriter:
    return SpoolWriter(folder, pixels.shape[1:], str(pixels.dtype), metadata or {})


def test_a_growing_series_gives_the_table_of_one_call_over_all_frames(
    engine: RuleEngine, tmp_path: Path, pixels: Array
) -> None:
    writer = spool(tmp_path / "series", pixels, {"Camera.ADOffset": 0.0, "operator": "somebody"})
    rule = LocalisationRule(tmp_path / "series", METADATA, chunk=25, max_wait=0.02)
    rule.push(engine)
    for frame in pixels:
        writer.write(frame)
    writer.close()
    (output,) = rule.wait(STARTING)["outputs"]
    assert output["path"] == str(tmp_path / "analysis" / "series.h5r")
    table, about = read_table(output["path"])
    assert len(table) > 50
    assert table.tobytes() == localize(pixels, SETTINGS).tobytes()
    assert about["Camera.ADOffset"] == 100.0  # the analysis' own comes before that of the series
    assert (about["operator"], about["missing_frames"]) == ("somebody", [])
    assert about["beamloom.made_by"] == "LocalisationRule"


def test_what_a_series_says_that_begins_after_the_rule_holds_for_all_its_frames(
    engine: RuleEngine, tmp_path: Path, pixels: Array
) -> None:
    said = {name: value for name, value in METADATA.items() if name.startswith(("Camera", "voxel"))}
    asked = {name: value for name, value in METADATA.items() if name.startswith("localize")}
    rule = LocalisationRule(tmp_path / "series", asked, chunk=25).push(engine)
    with spool(tmp_path / "series", pixels, {**said, "Camera.ADOffset": 90.0}) as writer:
        writer.write(pixels)
        writer.close(**{"Camera.ADOffset": 0.0, "events": []})
    table, about = read_table(rule.wait(STARTING)["outputs"][0]["path"])
    other = Settings(camera=dataclasses.replace(CAMERA, offset=90.0), threshold=6.0, background=4)
    assert table.tobytes() == localize(pixels, other).tobytes()
    assert about["Camera.ADOffset"] == 90.0


def test_a_writer_in_the_same_process_says_when_the_series_has_ended(
    engine: RuleEngine, tmp_path: Path, pixels: Array
) -> None:
    writer = spool(tmp_path / "series", pixels)
    told = threading.Event()

    class Told(SpoolLocalLocalizationRule):
        def on_data_complete(self) -> None:
            told.set()

    rule = Told(writer, tmp_path / "series", METADATA, max_wait=0.02, startAt=10)
    rule.push(engine)
    writer.write(pixels)
    assert engine.wait_until(lambda: rule.status()["frames"]["done"] > 0, STARTING)
    assert not told.is_set()
    writer.close()
    status = rule.wait(STARTING)
    assert told.is_set()
    assert status["frames"]["done"] == len(pixels)
    table, _ = read_table(status["outputs"][0]["path"])
    whole = localize(pixels, SETTINGS)
    assert table.tobytes() == whole[whole["frame"] >= 10].tobytes()


def test_the_series_is_found_by_the_names_of_the_context(
    engine: RuleEngine, tmp_path: Path, pixels: Array
) -> None:
    with spool(tmp_path / "cell3", pixels) as writer:
        writer.write(pixels[:30])
    factory = LocalisationRuleFactory(analysisMetadata=METADATA)
    rule = factory.get_rule({"spool_dir": str(tmp_path), "series_stub": "cell3"})
    assert rule.output_files == {"results": str(tmp_path / "analysis" / "cell3.h5r")}
    with pytest.raises(RuleRefused, match=r"cell4.*none is there; give seriesName"):
        factory.get_rule({"spool_dir": str(tmp_path), "series_stub": "cell4"})
    with pytest.raises(RuleRefused, match="needs its series"):
        factory.get_rule({})


def test_metadata_of_pyme_becomes_settings() -> None:
    found = settings(
        {
            "voxelsize.x": 0.07,
            "Camera.TrueEMGain": 150.0,
            "Analysis.DetectionThreshold": 1.0,
            "Analysis.ROISize": 5,
            "Analysis.PSFSigmaGuess": 106.0,
            "Analysis.subtractBackground": True,
            "Analysis.BGRange": [-30, 0],
        }
    )
    assert found.camera.pixel_size == pytest.approx(70.0)
    assert found.camera.em_gain == 150.0
    assert (found.half_size, found.psf_sigma, found.background) == (5, 106.0, 15)
    assert found.threshold == pytest.approx(4.2, abs=0.01)


def test_the_threshold_of_a_band_passed_image_is_the_z_score_that_it_is_said_to_be() -> None:
    noise = np.random.default_rng(0).normal(size=(400, 400)).astype(np.float32)
    passed = ndimage.gaussian_filter(noise, 1.0) - ndimage.gaussian_filter(noise, 3.0)
    assert 1.0 / passed[20:-20, 20:-20].std() == pytest.approx(4.2, rel=0.03)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"localize.treshold": 3}, "did you mean 'threshold'"),
        ({"voxelsize.x": -1}, "pixel_size"),
        (["a"], "mapping of names"),
        ("no json", "no JSON"),
    ],
)
def test_metadata_that_cannot_be_used_is_refused_with_its_reason(metadata: Any, said: str) -> None:
    with pytest.raises(RuleRefused, match=said):
        LocalisationRule("series", metadata)


def test_a_free_name_for_results_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEAMLOOM_CLUSTER_ROOT", str(tmp_path))
    name = "pyme-cluster:///folder/name.h5r"
    assert verify_cluster_results_filename(name) == name
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "name.h5r").touch()
    assert verify_cluster_results_filename(name) == "pyme-cluster:///folder/name_1.h5r"
    assert verify_cluster_results_filename(str(tmp_path / "other.h5r")) == str(tmp_path / "other.h5r")
