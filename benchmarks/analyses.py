"""What the ready analyses cost, each beside the same done by the library of its field on the same data.

``python benchmarks/analyses.py`` measures all of them, one after the other, ``python benchmarks/analyses.py NAME ...`` one; what
follows the name is for its own script, ``benchmarks/analyses/NAME.py``. Each runs in a process of its own, so that none pays for
what another has imported.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = {
    path.stem: path
    for path in sorted((Path(__file__).parent / "analyses").glob("*.py"))
    if not path.stem.startswith("_")
}


def main(arguments: list[str]) -> int:
    """Run the scripts; returns the highest of their exit codes."""
    if arguments and arguments[0] not in SCRIPTS:
        known = ", ".join(SCRIPTS)
        print(f"{__doc__}\nThere is no analysis {arguments[0]!r}; known are: {known}", file=sys.stderr)
        return 2
    names, rest = (arguments[:1], arguments[1:]) if arguments else (list(SCRIPTS), [])
    worst = 0
    for name in names:
        print(f"== {name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, SCRIPTS[name], *rest], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
