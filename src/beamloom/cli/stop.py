"""End the run that goes on: what has arrived of all streams is worked off, the other events are lost.

With --wait it stays until that is done, and says how the run ended.
"""

from __future__ import annotations

import argparse

from beamloom.cli._pipelines import add_url, pipeline_at

EXAMPLE = """\
beamloom stop
beamloom stop http://beamline:5000 --wait"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pipeline."""
    add_url(parser)
    parser.add_argument("--wait", action="store_true", help="stay until the run is over")


def run(arguments: argparse.Namespace) -> int:
    """Stop."""
    with pipeline_at(arguments.url) as pipeline:
        progress = pipeline.progress()
        if progress.run is None or progress.finished:
            print(f"nothing to stop: {progress}")
            return 0
        pipeline.stop()
        print(pipeline.wait() if arguments.wait else f"run {progress.run[:8]} is told to stop")
    return 0
