"""status.txt: how far the run is, as YAML that the Cheetah GUI reads."""

from __future__ import annotations

import time
from pathlib import Path

from beamloom.apps.crystallography.analysis.files.whole import replacing


def write_status(path: Path, *, elapsed: float, frames: int, hits: int, finished: bool) -> None:
    """Write ``path``; ``elapsed`` in seconds. Raises OSError."""
    minutes, seconds = divmod(int(elapsed), 60)
    hours, minutes = divmod(minutes, 60)
    lines = (
        "# Cheetah status",
        f"Update time: {time.ctime()}",
        f"Elapsed time: {hours}hr {minutes}min {seconds}sec",
        f"Status: {'Finished' if finished else 'Not finished'}",
        f"Frames processed: {frames}",
        f"Number of hits: {hits}",
    )
    with replacing(path) as unfinished:
        unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
