"""Measure your pipeline from a recording: its rate, what bounds it, and what one more worker would give.

First your hooks are called in a plain loop, then real processes run with the recording in memory, played as fast as it is taken. The
device's own protocol is not part of it. Takes about half a minute.
"""

from __future__ import annotations

import argparse

from beamloom.cli._findings import add_json_argument, say
from beamloom.cli._measured import add_measured_arguments, measured
from beamloom.errors import UsageError

EXAMPLE = """\
beamloom bench -w worker:FluorescenceWorker -r reducer:FluorescenceReducer -f recordings/*.cbors
beamloom bench pipeline.yaml -f recordings/*.cbors --json bench.json
beamloom bench pipeline.yaml --capture xspress3=xspress3-dump.cbors"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is measured, and for how long."""
    add_measured_arguments(parser)
    parser.add_argument(
        "--capture",
        metavar="STREAM=FILE",
        action="append",
        default=[],
        help="in place of a recording: what the device of this stream of the pipeline file has sent; may be repeated. Streams without "
        "a capture are read from their devices",
    )
    parser.add_argument(
        "--events",
        metavar="COUNT",
        type=int,
        default=1000,
        help="packets of each stream that are read where there is no recording (default %(default)s)",
    )
    parser.add_argument(
        "-n", "--nworkers", metavar="COUNT", type=int, help="number of workers (default: the file's, or 2)"
    )
    parser.add_argument(
        "--seconds",
        metavar="SECONDS",
        type=float,
        default=3.0,
        help="how long each part is measured (default %(default)g)",
    )
    parser.add_argument("--no-live", action="store_true", help="call the hooks only, start no processes")
    parser.add_argument(
        "--no-verify", action="store_true", help="do not try whether one more worker gives what is predicted"
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and tell; the status is 1 when events failed or were lost."""
    from beamloom.benching import Bench, Question, lines
    from beamloom.cli import logs
    from beamloom.cli._passing_line import PassingLine

    logs.start("bench", "ERROR")
    line = PassingLine()
    try:
        question = Question(
            **measured(arguments),
            captures=dict(map(_capture, arguments.capture)),
            most_events=arguments.events,
            workers=arguments.nworkers,
            seconds=arguments.seconds,
            live=not arguments.no_live,
            verify=not arguments.no_verify,
        )
        found = Bench(question, line.say).run()
    finally:
        line.close()
    say(lines(found), found.to_json(), arguments.json)
    return 1 if found.plain.failed or (found.live is not None and found.live.failed + found.live.lost) else 0


def _capture(text: str) -> tuple[str, str]:
    stream, equals, file = text.partition("=")
    if not equals:
        raise UsageError(f"--capture takes STREAM=FILE, such as camera=dump.cbors, not {text!r}")
    return stream, file
