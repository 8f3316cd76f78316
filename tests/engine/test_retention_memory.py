"""What the retention says that it keeps is what the process really holds, however small the frames are."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

BUDGET = 24 << 20
FILL = """
import gc, json, os, sys
from beamloom.engine.streams.packet_rows import row_of
from beamloom.engine.streams.retention import MEASURED, Retention
from beamloom.events import Packet

size, together = int(sys.argv[1]), int(sys.argv[2])

def resident():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def row(event):
    return row_of([Packet("test", [os.urandom(size)], event + place) for place in range(together)])

kept, event = Retention(%d, overhead=MEASURED), 0
row(0)
gc.collect()
before = resident()
while not kept.full:
    kept.keep(event, row(event), 1)
    event += together
gc.collect()
held = resident() - before
counted = kept.nbytes
kept.release(0, event)
print(json.dumps({"held": held, "counted": counted, "left": kept.nbytes, "packets": event}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is looked up in /proc")
@pytest.mark.parametrize(("size", "together"), [(16, 1), (64, 256), (64, 1), (2048, 64), (100_000, 4)])
def test_the_memory_of_kept_packets_stays_within_the_budget(size: int, together: int) -> None:
    command = [sys.executable, "-c", FILL % BUDGET, str(size), str(together)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert told["held"] <= 1.15 * BUDGET
    # And is not far below it, which would waste what was asked for.
    assert told["held"] >= 0.6 * BUDGET
    assert told["counted"] >= BUDGET
    assert told["left"] == 0
