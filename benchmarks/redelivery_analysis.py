"""An analysis whose first attempt at one event ends as ``redelivery`` wants it, and that notes when somebody begins with that event."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from trivial_analysis import Reducer
from trivial_analysis import Worker as Trivial

from beamloom import Event

__all__ = ["FOLDER", "Reducer", "Worker", "wait_for"]
FOLDER = "BEAMLOOM_BENCH_FOLDER"
"""The environment variable that names where plan and notes are."""
LOOK_SECONDS = 0.002


class Worker(Trivial):
    """Waits in one event until it is ended."""

    kept = b""

    def process_event(self, event: Event) -> dict[str, int]:
        """Note each attempt at the event of the plan; the first one does not come back."""
        folder = Path(os.environ[FOLDER])
        plan = json.loads((folder / "plan.json").read_text())
        if event.event_number == plan["event"]:
            if note(folder / f"first-{plan['trial']}"):
                self._fall(folder / f"fault-{plan['trial']}", plan["bytes"])
            note(folder / f"again-{plan['trial']}")
        return super().process_event(event)

    def _fall(self, fault: Path, nbytes: int) -> None:
        note(fault)
        self.kept = b"x" * nbytes
        while True:
            time.sleep(1)


def note(path: Path) -> bool:
    """Write the time and the process, whole, unless there is a note already; whether there was none."""
    own = path.with_name(f"{path.name}.{os.getpid()}")
    own.write_text(json.dumps({"at": time.time(), "pid": os.getpid()}))
    try:
        path.hardlink_to(own)
    except FileExistsError:
        return False
    finally:
        own.unlink()
    return True


def wait_for(path: Path, timeout: float) -> dict[str, float]:
    """A note, once it is there. Raises TimeoutError."""
    end = time.monotonic() + timeout
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"there is no {path.name} after {timeout:g} s")
        time.sleep(LOOK_SECONDS)
    return dict(json.loads(path.read_text()))
