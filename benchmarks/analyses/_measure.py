"""How the scripts here measure: CPU time of one core, so that what else the machine does counts little.

Import this before numpy: it keeps libraries from spreading over cores.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_name] = "1"


def cpu_seconds(work: Callable[[], Any], rounds: int = 5) -> float:
    """The least CPU time that one call of ``work`` took, of several after one that does not count."""
    work()
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def row(what: str, seconds: float, items: int = 1, unit: str = "frames") -> None:
    """Print a line: what it costs for one item, and how many a core does in a second."""
    print(f"{what:56} {1e6 * seconds / items:12.1f} us {items / seconds:12,.0f} {unit}/s/core", flush=True)
