"""Write the repository of a new analysis: worker, reducer, parameters, pipeline file, README, and a test that passes.

With --from the worker is made for the streams of a recording, which comes along for the test; without, for a simulated camera.
"""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = """\
beamloom new my-analysis
beamloom new my-analysis --from recordings/*.cbors"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its name, and what it begins with."""
    parser.add_argument(
        "name", metavar="NAME", type=Path, help="the folder that is made; its last part is the name"
    )
    parser.add_argument(
        "--from",
        dest="recordings",
        metavar="RECORDING",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        help="recordings of one run; .gz is read as well",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write it, and say how to go on."""
    from beamloom.scaffolding import write_analysis

    made = write_analysis(arguments.name, arguments.recordings)
    print(f"{made.folder} has an analysis of {', '.join(one.name for one in made.streams)}")
    if made.brought:
        print(f"  with {made.brought} in {made.folder / 'recordings'}")
    for one in made.streams:
        if not one.readable:
            print(f"  packets of {one.name} cannot be read one by one, and are left out; see README.md")
    print(f"Go on with:\n  cd {made.folder}\n  python -m pytest\n  less README.md")
    return 0
