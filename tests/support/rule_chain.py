"""The chain of PYME's documentation (localize, render, measure), and processes that take part in it.

``python -m support.rule_chain camera FOLDER FRAMES RATE`` spools a simulated series; after half of it, it waits until the file
``FOLDER.go`` is there, so that what happens before that happens while it records.

``python -m support.rule_chain engine FOLDER POOL [SPOOL_DIR]`` works the chain off, ``POOL`` being a number of workers or the address of a
Dask scheduler. Without a series it goes on with what is in the folder of the engine. It ends when all rules have.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from beamloom.apps.localization import Camera, Settings, Simulation
from beamloom.rules import (
    DaskExecutor,
    LocalisationRuleFactory,
    LocalPool,
    RecipeRuleFactory,
    Retries,
    Rule,
    RuleEngine,
)

CAMERA = Camera(offset=100.0, electrons_per_count=1.0, read_noise=1.5, pixel_size=100.0)
SETTINGS = Settings(camera=CAMERA, threshold=6.0)
METADATA: dict[str, Any] = {
    "voxelsize": {"x": 0.1, "y": 0.1},
    "Camera.ADOffset": 100.0,
    "Camera.ElectronsPerCount": 1.0,
    "Camera.ReadNoise": 1.5,
    "localize.threshold": 6.0,
}


def simulation(frames: int) -> Simulation:
    """Spots on a grid, each of them lit in some frames."""
    return Simulation(
        seed=5, frames=frames, shape=(64, 64), pattern="grid", lit=0.4, photons=1500.0, camera=CAMERA
    )


def chain(spool_dir: Path) -> Rule:
    """The three rules, not yet pushed; workers may be killed as often as anybody likes."""
    often = Retries(deaths=1000, backoff=0.01)
    step1 = LocalisationRuleFactory(analysisMetadata=METADATA, chunk=20, retries=often)
    step2 = RecipeRuleFactory(
        recipeURI="PYME-CLUSTER///RECIPES/render_image.yaml",
        input_patterns={"input": "{{spool_dir}}/analysis/{{series_stub}}.h5r"},
        retries=often,
    )
    step3 = RecipeRuleFactory(
        recipeURI="PYME-CLUSTER///RECIPES/measure_blobs.yaml",
        input_patterns={"input": "{{spool_dir}}/analysis/{{series_stub}}.tif"},
        retries=often,
    )
    step1.chain(step2).chain(step3)
    return step1.get_rule(
        {"seriesName": spool_dir / "cell", "spool_dir": str(spool_dir), "series_stub": "cell"}
    )


def camera(folder: Path, frames: int, rate: float) -> None:
    """See the module."""
    from beamloom.rules import SpoolWriter

    simulated = simulation(frames)
    with SpoolWriter(folder, simulated.shape, "uint16") as writer:
        begun = time.monotonic()
        for index in range(frames):
            if index == frames // 2:
                while not folder.with_suffix(".go").exists():
                    time.sleep(0.01)
                begun = time.monotonic() - index / rate
            time.sleep(max(0.0, begun + index / rate - time.monotonic()))
            writer.write(simulated.frame(index))


def engine(folder: Path, pool: str, spool_dir: Path | None) -> None:
    """See the module."""
    executor = LocalPool(int(pool)) if pool.isdigit() else DaskExecutor(pool)
    with RuleEngine(folder, executor) as engine:
        if spool_dir is not None:
            chain(spool_dir).push(engine)
        for rule in engine.rules():
            rule.wait()


def main(what: str, folder: str, *rest: str) -> None:
    """See the module."""
    if what == "camera":
        camera(Path(folder), int(rest[0]), float(rest[1]))
    else:
        engine(Path(folder), rest[0], Path(rest[1]) if rest[1:] else None)


if __name__ == "__main__":
    main(*sys.argv[1:])
