"""Tell the story of one event: its packets, who had it, what became of it.

RUN is the beginning of a run's id, or 'last'. What is only remembered for a while, and is not known any more, is said.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import Any

from beamloom.cli._pipelines import add_url_option, processes_at

EXAMPLE = """\
beamloom explain last 17
beamloom explain fc37847d 17 --url http://beamline:5000"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which event of which run."""
    parser.add_argument("run", metavar="RUN", help="beginning of the run's id, or 'last'")
    parser.add_argument("event", metavar="EVENT", type=int, help="number of the event, from 0")
    add_url_option(parser)
    parser.add_argument("--json", action="store_true", help="as data, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Ask the controller and print its answer."""
    import msgspec

    from beamloom.doctor.report import story

    with processes_at(arguments.url) as processes:
        told: dict[str, Any] = processes.controller.get(
            f"/api/v1/events/{arguments.event}", dict[str, Any], {"run": arguments.run}
        )
    if arguments.json:
        print(msgspec.json.encode(told).decode())
    else:
        columns = shutil.get_terminal_size((100, 24)).columns
        print(story(told, columns, coloured=sys.stdout.isatty()))
    return 0
