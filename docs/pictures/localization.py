"""Rings of blinking molecules: a camera plays them, a pipeline of real processes localizes them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from beamloom import connect
from beamloom.apps.localization import Simulation
from beamloom.devices import stins
from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import LocalPlacement
from beamloom.triggermap import uniform

PIPELINE = """
name: localization
streams:
  camera: {device: stins, url: "%s"}
workers: {class: "beamloom.apps.localization:Worker", count: 2}
reducer: {class: "beamloom.apps.localization:Reducer", http: "127.0.0.1:0"}
controller: {http: "127.0.0.1:0"}
parameters: {drift_segments: "10"}
"""


@contextlib.contextmanager
def scenes() -> Iterator[tuple[str, Mapping[str, str]]]:
    """A run of 1,500 frames that has ended."""
    series = Simulation(
        seed=5, frames=1500, molecules=160, lit=0.025, photons=2500, drift=(150.0, 60.0), ring=600
    )
    camera = stins.DEVICE.simulator("tcp://127.0.0.1:*")
    with tempfile.TemporaryDirectory() as folder:
        pipeline = parse_pipeline(PIPELINE % camera.url, folder=Path(folder))
        try:
            with LocalPlacement(pipeline, quiet=True) as placement:
                placement.wait_ready(60)
                with connect(placement.controller_url) as live:
                    live.arm(uniform(["camera"], series.frames))
                    camera.play(stins.generate(images=map(series.frame, range(series.frames))))
                    live.wait(120)
                yield (
                    placement.controller_url,
                    {
                        "localization-image": "results?path=image",
                        "localization-corrected": "results?path=corrected",
                        "localization-drift": "results?path=drift",
                        "localization-table": "results?path=localizations",
                    },
                )
        finally:
            camera.close()
