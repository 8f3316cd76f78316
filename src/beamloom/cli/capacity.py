"""Tell the largest rate that your pipeline would sustain, here or on larger machines, with which number of workers, and what ends first.

From a recording: its processes run for a moment with one worker, and what an event has cost each of them tells of all others. Without one:
the same from what the processes of a pipeline that runs tell of its run. 'beamloom bench' shows where the time goes.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from beamloom.cli._findings import add_json_argument, say
from beamloom.cli._measured import add_measured_arguments, measured
from beamloom.cli._pipelines import add_url_option, processes_at
from beamloom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from beamloom.benching import Capacity

EXAMPLE = """\
beamloom capacity pipeline.yaml -f recordings/*.cbors
beamloom capacity pipeline.yaml -f recordings/*.cbors --workers 32 64 --hosts 4 --cores 32
beamloom capacity --url http://beamline:5000 --workers 16 --cores 64"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is asked about, and on which machines."""
    add_measured_arguments(parser)
    parser.add_argument(
        "-n",
        "--workers",
        metavar="COUNT",
        type=int,
        nargs="+",
        default=[],
        help="numbers of workers that you wonder about (default: the file's)",
    )
    parser.add_argument(
        "--hosts", metavar="COUNT", type=int, default=1, help="machines (default %(default)s)"
    )
    parser.add_argument(
        "--cores", metavar="COUNT", type=int, help="processors of each machine (default: as here)"
    )
    parser.add_argument(
        "--seconds",
        metavar="SECONDS",
        type=float,
        help="how long each part is measured (default 3), or the pipeline that runs is watched (default: its run from the beginning)",
    )
    parser.add_argument(
        "--verify", action="store_true", help="run the pipeline with these numbers of workers here, too"
    )
    add_json_argument(parser)
    add_url_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, predict and tell; the status is 1 when events failed or were lost."""
    from beamloom.benching import capacity_lines
    from beamloom.cli import logs
    from beamloom.cli._passing_line import PassingLine

    _check(arguments)
    logs.start("capacity", "ERROR")
    line = PassingLine()
    try:
        found = _running(arguments) if _asks_a_running_one(arguments) else _recorded(arguments, line.say)
    finally:
        line.close()
    say(capacity_lines(found), found.to_json(), arguments.json)
    return 1 if found.probe.failed + found.probe.lost else 0


def _asks_a_running_one(arguments: argparse.Namespace) -> bool:
    return arguments.pipeline is None and arguments.workerclass is None and arguments.reducerclass is None


def _check(arguments: argparse.Namespace) -> None:
    for name, values in (
        ("--workers", arguments.workers),
        ("--hosts", [arguments.hosts]),
        ("--cores", [arguments.cores or 1]),
    ):
        if (least := min(values, default=1)) < 1:
            raise UsageError(f"{name} takes numbers from 1 on, not {least}")
    if arguments.seconds is not None and arguments.seconds <= 0:
        raise UsageError(f"--seconds takes more than 0, not {arguments.seconds:g}")
    if _asks_a_running_one(arguments):
        if arguments.files or arguments.source is not None:
            raise UsageError(
                "a recording is of use with a pipeline file, or with -w and -r: name these, or leave the recording out to ask the "
                "pipeline that runs"
            )
        if arguments.verify:
            raise UsageError("--verify runs a pipeline here: name a pipeline file and a recording with -f")
    elif not arguments.files and arguments.source is None:
        raise UsageError(
            "name a recording with -f; 'beamloom record' makes one, or leave out the pipeline file to ask the pipeline that runs"
        )


def _cores(arguments: argparse.Namespace) -> int:
    each: int = arguments.cores or os.cpu_count() or 1
    return each * int(arguments.hosts)


def _recorded(arguments: argparse.Namespace, say: Callable[[str], None]) -> Capacity:
    from beamloom.benching import Question, from_recording

    question = Question(**measured(arguments), seconds=arguments.seconds or 3.0)
    return from_recording(question, arguments.workers, _cores(arguments), verify=arguments.verify, say=say)


def _running(arguments: argparse.Namespace) -> Capacity:
    from beamloom.benching import from_running

    with processes_at(arguments.url) as processes:

        def ask() -> dict[str, dict[str, Any]]:
            told: dict[str, dict[str, Any]] = processes.controller.get(
                "/api/v1/load?stages=true&scan=false", dict[str, Any]
            )
            return told

        return from_running(ask, arguments.workers, _cores(arguments), arguments.seconds)
