"""The two ways in which PYME's documentation writes a chain run as they are written, while a camera records."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.apps.localization import Camera, Simulation, read_table
from beamloom.rules import (
    LocalisationRuleFactory,
    RecipeRuleFactory,
    Rule,
    RuleEngine,
    RuleFailed,
    SpoolWriter,
    using,
)
from beamloom.rules.recipes.loading import load
from beamloom.rules.recipes.values import Image
from support.patience import STARTING

pytestmark = pytest.mark.timeout(500)
"""The first one that localises has the functions compiled, where nobody has before."""
SIMULATION = Simulation(
    seed=5, frames=120, shape=(64, 64), pattern="grid", lit=0.4, photons=1500.0, camera=Camera()
)
mdh = {
    "voxelsize": {"x": 0.1, "y": 0.1},
    "Camera.ADOffset": 100.0,
    "Camera.ReadNoise": 1.5,
    "Analysis.PSFSigmaGuess": 130.0,
    "localize.threshold": 6.0,
}


@pytest.fixture(autouse=True)
def cluster(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ``PYME-CLUSTER`` is."""
    monkeypatch.setenv("BEAMLOOM_CLUSTER_ROOT", str(repository / "examples" / "rules"))


def from_front_to_back() -> LocalisationRuleFactory:
    step1 = LocalisationRuleFactory(analysisMetadata=mdh)
    step2 = RecipeRuleFactory(
        recipeURI="PYME-CLUSTER///RECIPES/render_image.yaml",
        input_patterns={"input": "{{spool_dir}}/analysis/{{series_stub}}.h5r"},
    )
    step1.chain(step2)
    step3 = RecipeRuleFactory(
        recipeURI="PYME-CLUSTER///RECIPES/measure_blobs.yaml",
        input_patterns={"input": "{{spool_dir}}/analysis/{{series_stub}}.tif"},
    )
    step2.chain(step3)
    return step1


def from_back_to_front() -> LocalisationRuleFactory:
    return LocalisationRuleFactory(
        analysisMetadata=mdh,
        on_completion=RecipeRuleFactory(
            recipeURI="PYME-CLUSTER///RECIPES/render_image.yaml",
            input_patterns={"input": "{{spool_dir}}/analysis/{{series_stub}}.h5r"},
            on_completion=RecipeRuleFactory(
                recipeURI="PYME-CLUSTER///RECIPES/measure_blobs.yaml",
                input_patterns={"input": "{{spool_dir}}/analysis/{{series_stub}}.tif"},
            ),
        ),
    )


def record(folder: Path) -> None:
    with SpoolWriter(folder, SIMULATION.shape, "uint16") as writer:
        for index in range(SIMULATION.frames):
            writer.write(SIMULATION.frame(index))


def pushed(step1: LocalisationRuleFactory, spool_dir: Path, engine: RuleEngine) -> Rule:
    pushed: list[Rule] = []

    def on_launch_analysis(context: dict[str, Any]) -> None:
        pushed.append(step1.get_rule(context=context).push())

    with using(engine):
        on_launch_analysis({"spool_dir": str(spool_dir), "series_stub": "cell"})
    return pushed[0]


@pytest.mark.parametrize("written", [from_front_to_back, from_back_to_front])
def test_a_chain_follows_the_camera_and_finds_what_is_there(
    engine: RuleEngine, tmp_path: Path, written: Any
) -> None:
    (tmp_path / "cell").mkdir()
    rule = pushed(written(), tmp_path, engine)
    camera = threading.Thread(target=record, args=(tmp_path / "cell",))
    camera.start()
    status = rule.wait(STARTING, chain=True)
    camera.join()

    assert status["frames"] == {"released": 120, "done": 120, "failed": 0, "final": 120}
    analysis = tmp_path / "analysis"
    assert sorted(path.name for path in analysis.iterdir()) == ["cell.h5r", "cell.tif", "cell_blobs.parquet"]
    image = load({"input": str(analysis / "cell.tif")})["input"]
    assert isinstance(image, Image)
    assert image.pixel_size == 20.0
    assert "tablefilters.Where" in image.about["beamloom.settings"]
    blobs, about = read_table(analysis / "cell_blobs.parquet")
    assert about["beamloom.inputs"] == {"input": str(analysis / "cell.tif")}
    places = SIMULATION.places
    assert len(blobs) == len(places)
    distances = np.hypot(blobs["x"][:, None] - places[:, 0], blobs["y"][:, None] - places[:, 1])
    assert distances.min(axis=1).max() < 10.0  # nm, half a pixel of the image
    assert distances.min(axis=0).max() < 10.0


def test_a_second_analysis_of_a_series_overwrites_nothing_and_its_steps_find_its_own_files(
    engine: RuleEngine, tmp_path: Path
) -> None:
    record(tmp_path / "cell")
    pushed(from_front_to_back(), tmp_path, engine).wait(STARTING, chain=True)
    before = {path.name: path.read_bytes() for path in (tmp_path / "analysis").iterdir()}
    pushed(from_front_to_back(), tmp_path, engine).wait(STARTING, chain=True)
    after = {path.name: path.read_bytes() for path in (tmp_path / "analysis").iterdir()}
    assert {name: after[name] for name in before} == before
    assert sorted(set(after) - set(before)) == ["cell_1.h5r", "cell_1.tif", "cell_blobs_1.parquet"]
    _, about = read_table(tmp_path / "analysis" / "cell_blobs_1.parquet")
    assert about["beamloom.inputs"] == {"input": str(tmp_path / "analysis" / "cell_1.tif")}


def test_a_step_that_finds_no_input_fails_with_a_sentence_and_the_next_one_is_skipped(
    engine: RuleEngine, tmp_path: Path
) -> None:
    first = RecipeRuleFactory(
        recipeURI="PYME-CLUSTER:///RECIPES/render_image.yaml",
        inputs={"input": str(tmp_path / "*.h5r")},
        output_dir="{{where}}/out",
    )
    second = RecipeRuleFactory(
        recipeURI="PYME-CLUSTER:///RECIPES/measure_blobs.yaml", inputs={"input": [str(tmp_path / "a.tif")]}
    )
    first.chain(second)
    rule = first.get_rule({"where": str(tmp_path)}).push(engine)
    with pytest.raises(RuleFailed, match="no file is found for the input 'input'"):
        rule.wait(STARTING)
    assert engine.rule(rule.status()["next"][0]).status()["state"] == "skipped"


def test_a_recipe_runs_for_each_file_that_a_pattern_finds(engine: RuleEngine, tmp_path: Path) -> None:
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.eye(30, dtype="f4"))
    rule = RecipeRuleFactory(
        recipeURI="PYME-CLUSTER:///RECIPES/measure_blobs.yaml", inputs={"input": str(tmp_path / "*.npy")}
    ).get_rule({})
    status = rule.push(engine).wait(STARTING)
    assert [Path(one["path"]).name for one in status["outputs"]] == ["a_blobs.parquet", "b_blobs.parquet"]


def test_a_recipe_takes_what_the_recipe_before_has_written(engine: RuleEngine, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(30, dtype="f4"))
    smooth = RecipeRuleFactory(
        recipe="""
- filters.GaussianFilter: {inputName: input, sigma: 1.0, outputName: smooth}
- output.ImageOutput: {inputName: smooth, filePattern: '{{output_dir}}/{{file_stub}}_smooth.tif'}
""",
        inputs={"input": [str(tmp_path / "a.npy")]},
    )
    smooth.chain(RecipeRuleFactory(recipeURI="PYME-CLUSTER:///RECIPES/measure_blobs.yaml"))
    smooth.get_rule({}).push(engine).wait(STARTING, chain=True)
    assert (tmp_path / "a_smooth_blobs.parquet").exists()
