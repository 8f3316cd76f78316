"""What a trigger map loads when the first run is armed: who waits for the run waits for that, too."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from beamloom.triggermap import TriggerMap
cells = [[{"constraint": event}] for event in range(20)]
mixed = [[{"constraint": 1}], [{"tags": ["all"]}], None] * 6 + [None, None]
TriggerMap.from_json({"parts": {"main": {"a": cells, "b": mixed}}, "sequence": ["main"]}).check(["a", "b"], [["all", "generic"]] * 2)
print("numpy.ma" in sys.modules)
"""


def test_arming_loads_no_masked_arrays() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=50
    )
    assert ran.stdout.split() == ["False"]
