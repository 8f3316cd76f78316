"""Start all processes of a pipeline file on this machine and keep them running until Ctrl-C.

A process that dies is started again. The first Ctrl-C ends everything in order, a second one at once; nothing is left behind.
The exit status is 1 where more events of a run failed than max_failed allows (without it: any), as it is of a replay.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beamloom.placement import LocalPlacement, Screen

EXAMPLE = """\
beamloom up pipeline.yaml
beamloom up pipeline.yaml --check"""

CONSULT_SECONDS = 2.0
"""Between two questions what is wrong."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and what is shown."""
    parser.add_argument(
        "file", metavar="FILE", help="the pipeline file; 'beamloom schema --markdown' describes it"
    )
    parser.add_argument("--check", action="store_true", help="only say whether the file is right")
    parser.add_argument(
        "--logs", metavar="FOLDER", help="also write the output of each process to FOLDER/NAME.log"
    )
    parser.add_argument(
        "--plain", action="store_true", help="lines only, no table, as when the output is not a terminal"
    )
    parser.add_argument(
        "--ready-timeout",
        metavar="SECONDS",
        type=float,
        default=60.0,
        help="how long the processes may take to find each other (default %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until told to end."""
    from beamloom.pipeline_file import read_pipeline
    from beamloom.placement import LocalPlacement, layout_of, screen_on

    pipeline = read_pipeline(arguments.file)
    if arguments.check:
        print(f"{arguments.file} is right: {len(layout_of(pipeline).processes)} processes")
        return 0
    screen = screen_on(sys.stdout, plain=arguments.plain)
    logs = Path(arguments.logs) if arguments.logs else None
    return supervise(LocalPlacement(pipeline, screen=screen, logs=logs), screen, arguments.ready_timeout)


def supervise(placement: LocalPlacement, screen: Screen, ready_timeout: float) -> int:
    """Run the processes until this one is told to end; returns the exit status.

    Raises PlacementError, with everything ended, when they do not get ready.
    """
    from beamloom.cli._run_verdict import verdict
    from beamloom.cli._supervising import kept_up_to_date, told_to_end, welcome

    went_well = True
    with told_to_end(placement, screen) as end, kept_up_to_date(placement, screen), placement:
        if placement.wait_ready(ready_timeout, stopped=end.is_set):
            screen.say(welcome(placement.layout))
            while not end.wait(CONSULT_SECONDS):
                placement.consult()
            lines, went_well = verdict(placement.ask)
            if lines:
                screen.say("\n".join(lines))
    return 0 if went_well else 1
