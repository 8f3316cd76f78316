"""Scan a motor until Beamloom has found the peak, and go there: ``python examples/adaptive_scan/scan.py``.

It starts a pipeline, scans by a RunEngine of Bluesky, and prints what came of it. It needs ``pip install 'beamloom[bluesky]' ophyd-async``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from bluesky import RunEngine

from beamloom.control.bluesky import LiveAnalysis, Steered, steered_scan
from devices import CENTRE, motor_and_camera

HERE = Path(__file__).parent
POINTS = np.linspace(-4, 4, 81)


@contextmanager
def pipeline() -> Iterator[None]:
    """``beamloom up``, as it would run in another terminal or on another machine."""
    with subprocess.Popen([sys.executable, "-m", "beamloom", "up", str(HERE / "pipeline.yaml")]) as process:
        try:
            yield
        finally:
            process.terminate()


def main() -> None:
    """Scan once."""
    engine = RunEngine(call_returns_result=True)
    motor, camera = motor_and_camera("tcp://127.0.0.1:5579")
    with pipeline(), LiveAnalysis("http://127.0.0.1:5000", publish="tcp://127.0.0.1:5578") as live:
        scan = steered_scan([camera], motor, POINTS, live=live, ready_within=60, when_late="stop")
        went: Steered = engine(scan).plan_result
        live.wait(30)
    camera.close()
    print(f"\n{went.points} of {len(POINTS)} points were taken")
    for one in went.heard:
        print(f"the analysis said: {one.kind}, {one.payload}")
    if went.late:
        print("the analysis did not come to a decision in time; what is above, of the pipeline, says why")
    print(f"the motor is at {went.moved_to.get('motor', float('nan')):.4f}; the peak is at {CENTRE}")


if __name__ == "__main__":
    main()
