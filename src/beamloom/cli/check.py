"""Try whether an analysis gives the same result in any order of events and with any number of workers.

Replays a recording in orders that live pipelines have, and calls the hooks on their own: events again by new instances, in threads, results
in other orders. Tells what depends on it, what cannot travel between processes, which parameters are not described, and the time that each
event takes. The exit status is 1 where there is a problem.
"""

from __future__ import annotations

import argparse

from beamloom.cli._analysis_arguments import add_analysis_arguments
from beamloom.cli._findings import add_json_argument, say

EXAMPLE = """\
beamloom check -w worker:Worker -r reducer:Reducer -f recordings/*.cbors -p parameters.json
beamloom check -w worker:Worker -r reducer:Reducer -s simulation:Simulation --workers 1,3,8"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is checked, and how thoroughly."""
    add_analysis_arguments(parser, required=True)
    parser.add_argument(
        "--workers",
        metavar="N,N",
        type=_counts,
        default=(1, 2, 4),
        help="numbers of workers; all are compared with the first (default 1,2,4)",
    )
    parser.add_argument(
        "--orders",
        metavar="N",
        type=int,
        default=3,
        help="orders that are tried with each (default %(default)s)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="of the orders (default %(default)s)"
    )
    parser.add_argument(
        "--seconds",
        metavar="SECONDS",
        type=float,
        default=1.0,
        help="how long the hooks are timed; 0: they are not (default %(default)g)",
    )
    parser.add_argument(
        "--memory",
        metavar="MB",
        type=int,
        default=512,
        help="packets that are held in memory (default %(default)s)",
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check and tell."""
    from beamloom.checking import Check, Question, lines
    from beamloom.cli import logs
    from beamloom.cli._passing_line import PassingLine

    logs.start("check", "CRITICAL")
    line = PassingLine()
    try:
        question = Question(
            worker_class=arguments.workerclass,
            reducer_class=arguments.reducerclass,
            files=arguments.files,
            source=arguments.source,
            parameters=arguments.parameters,
            workers=arguments.workers,
            orders=arguments.orders,
            seed=arguments.seed,
            seconds=arguments.seconds,
            most_bytes=arguments.memory * 1_000_000,
            allow_pickle=arguments.allow_pickle,
        )
        found = Check(question, line.say).run()
    finally:
        line.close()
    say(lines(found), found.to_json(), arguments.json)
    return 1 if found.problems else 0


def _counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1:
        raise argparse.ArgumentTypeError(
            f"give numbers with commas between them, such as 1,2,4, not {text!r}"
        )
    return counts
