"""Scan a motor until Beamloom has found the peak, and go there: ``python examples/adaptive_scan/scan.py``.

It starts a pipeline, scans by a RunEngine of Bluesky, and prints what came of it. It needs ``pip install 'beamloom[bluesky]' ophyd-async``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bluesky.plan_stubs as bps
import numpy as np
from bluesky import RunEngine

from beamloom.control.bluesky import LiveAnalysis, Steered, steered_scan
from beamloom.errors import UserError
from devices import CENTRE, motor_and_camera

HERE = Path(__file__).parent
READY_WITHIN = 60.0
"""Seconds that the pipeline has to start."""
POINTS = np.linspace(-4, 4, 81)


@contextmanager
def pipeline(wanted: bool) -> Iterator[None]:
    """``beamloom up``, as it would run in another terminal or on another machine."""
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-m", "beamloom", "up", str(HERE / "pipeline.yaml")]) as process:
        try:
            yield
        finally:
            process.terminate()


def main() -> None:
    """Scan once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-pipeline", action="store_true", help="scan with a pipeline that runs already")
    wanted = not parser.parse_args().no_pipeline
    engine = RunEngine(call_returns_result=True)
    motor, camera = motor_and_camera("tcp://127.0.0.1:5579")
    try:
        with pipeline(wanted), LiveAnalysis("http://127.0.0.1:5000", publish="tcp://127.0.0.1:5578") as live:
            scan = steered_scan(
                [camera], motor, POINTS, live=live, ready_within=READY_WITHIN, when_late="stop"
            )
            went: Steered = engine(scan).plan_result
            position: float = engine(bps.rd(motor)).plan_result
    finally:
        camera.close()
    print(f"\n{went.points} of {len(POINTS)} points were taken")
    for one in went.heard:
        print(f"the analysis said: {one.kind}, {one.payload}")
    if went.late:
        print("the analysis did not come to a decision in time; what is above, of the pipeline, says why")
    print(f"the motor is at {position:.4f}; the peak is at {CENTRE}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"scan.py: {error}")
