"""Have more workers or fewer, also in the middle of a run: of a pipeline that `beamloom up` has started, here or on a cluster.

New workers take part as soon as they are there. Workers that are too many end after the event that they are in; what else they hold goes
to others, and nothing is lost.
"""

from __future__ import annotations

import argparse

from beamloom.cli._pipelines import add_url_option, pipeline_at
from beamloom.errors import UsageError

EXAMPLE = """\
beamloom scale workers=8
beamloom scale workers=2 --kind 1 --url http://beamline:5000"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, of what, and of which pipeline."""
    parser.add_argument("wanted", metavar="workers=COUNT", help="how many there are to be")
    parser.add_argument(
        "--kind",
        type=int,
        metavar="NUMBER",
        help="which of the groups of workers in the pipeline file, from 0, where there are several",
    )
    add_url_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask for it, and say what is done."""
    what, _, count = arguments.wanted.partition("=")
    if what != "workers" or not count.isdecimal():
        raise UsageError(f"{arguments.wanted!r} is not workers=COUNT, such as workers=8")
    with pipeline_at(arguments.url) as pipeline:
        print(pipeline.set_workers(int(count), arguments.kind))
    return 0
