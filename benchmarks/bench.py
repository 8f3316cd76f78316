"""Beamloom, dranspose, plain pyzmq and memcpy side by side, in one run on one machine: what `make bench` does.

    python benchmarks/bench.py [--quick] [--only ROW ...] [--page docs/reference/comparison.md]

dranspose comes from the package index into an environment of its own below out/bench, Redis from the path or from Debian's packages;
where that does not work, its column stays empty and the table says why. All is done within --minutes: where it gets late, there are fewer
rounds, and what needs longest comes last. Writes benchmarks/results/latest.json, the table of the page, and plots into out/bench.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from comparison import (
    events,
    frames,
    growth,
    idle,
    latency,
    promises,
    reaction,
    replays,
    report,
)
from comparison.measuring import FAILURES, Bench
from comparison.others import HOME, Missing, find_others
from comparison.surroundings import Stolen
from comparison.table import BEAMLOOM, Row

HERE = Path(__file__).resolve().parent
GROUPS: dict[str, Callable[[Bench], list[Row]]] = {
    "events": events.measure,
    "frames": frames.measure,
    "latency": latency.measure,
    "parameters": reaction.parameters,
    "arming": reaction.arming,
    "replay": replays.measure,
    "idle": idle.measure,
    "promises": promises.measure,
    "workers": growth.workers,
    "streams": growth.streams,
    "growth": growth.events,
}
"""What can be measured by itself, in the order in which it is."""
MINUTES = 14.0
SECONDS_EACH = 35.0
"""What one round of a group takes at least."""
QUIET_LOAD = 1.0
MAY_MISS = frozenset({"frames_512kB_shared", "frames_8MB_shared"})
"""Rows that only some versions or machines have."""


def main() -> int:
    """Measure, write, print; returns 1 when Beamloom could not be measured somewhere."""
    arguments = _parser().parse_args()
    load = os.getloadavg()[0]
    if load > QUIET_LOAD:
        print(
            f"warning: this machine is busy (a load of {load:.1f}), and the figures will tell of that as much as of the systems",
            file=sys.stderr,
        )
    scale = "tiny" if arguments.tiny else "quick" if arguments.quick else "full"
    bench = Bench(scale, deadline=time.monotonic() + 60 * arguments.minutes)
    if not arguments.without_dranspose:
        try:
            bench.others = find_others(install=not arguments.tiny)
        except Missing as reason:
            bench.why_not = str(reason)
            print(f"dranspose is not measured: {reason}", file=sys.stderr)
    about = report.context(load) | {"scale": scale}
    stolen: dict[str, float] = {}
    rows = _measure(bench, arguments.only or list(GROUPS), stolen)
    about["stolen"] = stolen
    about["minutes"] = round((60 * arguments.minutes - bench.left) / 60, 1)
    report.write_json(arguments.json, about, rows)
    if arguments.page is not None:
        report.write_page(arguments.page, about, rows)
    plots = report.plot(arguments.plots, rows)
    print(f"\n{about['minutes']} minutes; {', '.join(map(str, [arguments.json, *plots]))}")
    return 1 if any(BEAMLOOM not in row.figures and row.name not in MAY_MISS for row in rows) else 0


def _measure(bench: Bench, names: list[str], stolen: dict[str, float]) -> list[Row]:
    """The rows of these groups; ``stolen`` gets the share of the time of each that went to other machines."""
    rows: list[Row] = []
    for place, name in enumerate(names):
        bench.reserved = SECONDS_EACH * (len(names) - place - 1)
        begun, meanwhile = time.monotonic(), Stolen()
        print(f"== {name}", flush=True)
        try:
            found = GROUPS[name](bench)
        except FAILURES as error:
            found = [Row(name, name, "", missing={BEAMLOOM: f"{type(error).__name__}: {error}"})]
            print(f"  {name} could not be measured: {error}", file=sys.stderr)
        rows += found
        for cells in report.lines(found):
            print("  " + " | ".join(cell for cell in cells if cell))
        stolen[name] = round(meanwhile.share(), 3)
        print(
            f"  {time.monotonic() - begun:.0f} s, {100 * stolen[name]:.0f} % of it gone to other machines",
            flush=True,
        )
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=GROUPS, metavar="ROW", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="one round with fewer events, two minutes")
    parser.add_argument(
        "--tiny", action="store_true", help="only see that each row can be measured; fetches nothing"
    )
    parser.add_argument(
        "--without-dranspose", action="store_true", help="measure the others only, and fetch nothing"
    )
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="how long all may take (default %(default)g)"
    )
    parser.add_argument("--json", type=Path, default=HERE / "results" / "latest.json", metavar="FILE")
    parser.add_argument("--page", type=Path, metavar="FILE", help="page of the documents that gets the table")
    parser.add_argument("--plots", type=Path, default=HOME, metavar="FOLDER")
    return parser


if __name__ == "__main__":
    sys.exit(main())
