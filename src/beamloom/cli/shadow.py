"""Try another analysis on the live events, beside the run: it gets copies of some of them and makes a result of its own.

The run does not wait for it and loses nothing by it: a shadow that is too slow, fails or dies loses copies, which are counted. Which events
it sees follows from their numbers alone. When its result is right, have its worker class take over, also in the middle of the run.
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from beamloom.cli._pipelines import add_url_option, pipeline_at
from beamloom.errors import UsageError

if TYPE_CHECKING:
    from beamloom.client import Pipeline
    from beamloom.client._shadow import Compared

EXAMPLE = """\
beamloom shadow start --worker spectra:BetterWorker --sample 0.1
beamloom shadow compare
beamloom shadow promote"""
CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
NONE = "no shadow worker takes part; start one with 'beamloom shadow start'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One command for each step."""
    commands = parser.add_subparsers(dest="do", required=True, metavar="COMMAND")
    start = commands.add_parser("start", help="have another analysis work on copies of some events")
    start.add_argument(
        "-c",
        "--worker",
        default="",
        metavar="MODULE:CLASS",
        help="its worker class; by default that of the pipeline, as its files are now",
    )
    start.add_argument(
        "-r",
        "--reducer",
        default="",
        metavar="MODULE:CLASS",
        help="its reducer class; by default that of the pipeline, as its files are now",
    )
    start.add_argument(
        "--sample",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="share of the events that it gets copies of, above 0 and up to 1 (default: %(default)g)",
    )
    _add_patience(start, "it has to be there")
    add_url_option(start)
    for name, text in (
        ("status", "how many copies it got, and what came of them"),
        ("compare", "the results of the run and of the shadow side by side"),
        ("stop", "have it end"),
    ):
        add_url_option(commands.add_parser(name, help=text))
    promote = commands.add_parser("promote", help="have its worker class take over from the next event on")
    promote.add_argument(
        "--worker-only",
        action="store_true",
        help="also where its reducer class is another one than the pipeline's, which is left behind",
    )
    _add_patience(promote, "the newer workers have to be ready")
    add_url_option(promote)


def _add_patience(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--patience",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help=f"time in which {what} (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask for it, and say what is so then."""
    if arguments.do == "start" and not 0 < arguments.sample <= 1:
        raise UsageError(f"--sample is a share above 0 and up to 1, such as 0.1, not {arguments.sample:g}")
    for flag, name in (("--worker", "worker"), ("--reducer", "reducer")):
        if (given := getattr(arguments, name, "")) and not CLASS.fullmatch(given):
            raise UsageError(f"{flag} is a class as module:Class, such as spectra:Better, not {given!r}")
    with pipeline_at(arguments.url) as pipeline:
        match arguments.do:
            case "start":
                print(
                    pipeline.shadow.start(
                        arguments.worker, arguments.reducer, arguments.sample, arguments.patience
                    )
                )
            case "promote":
                print(pipeline.shadow.promote(worker_only=arguments.worker_only, patience=arguments.patience))
            case "stop":
                pipeline.shadow.stop()
                print("the shadow ends")
            case "compare":
                return _compare(pipeline)
            case _:
                state = pipeline.shadow.state
                print(NONE if state is None else state)
    return 0


def _compare(pipeline: Pipeline) -> int:
    state = pipeline.shadow.state
    if state is None:
        raise UsageError(NONE)
    print("\n".join(_table(pipeline.shadow.compare(), f"shadow ({state.sample:.3g} of the events)")))
    return 0


def _table(rows: list[Compared], shadow: str) -> list[str]:
    lines = [("", "run", shadow), *((row.path, row.run or "-", row.shadow or "-") for row in rows)]
    first, second = (max(len(line[column]) for line in lines) for column in (0, 1))
    return [f"{path:<{first}}  {run:<{second}}  {other}".rstrip() for path, run, other in lines]
