"""Serial crystallography with one command: OM's monitor.yaml, and where frames come from.

SOURCE is a file or a pattern in quotes ('run_1/*.cbf', run_1_master.h5), a recording (*.cbors), a device and where it sends
(dectris_v2:tcp://detector:31001), or the word simulation. Files, recordings and simulations end by themselves; a device is listened to
until Ctrl-C, each of its series being a run. Whatever ends it, everything is written.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beamloom.apps.crystallography.monitor import Monitor
    from beamloom.cli._crystallography_run import Plan
    from beamloom.cli._frame_source import FrameSource

EXAMPLE = """\
beamloom crystallography simulation
beamloom crystallography -c monitor.yaml run_1_master.h5 -n 8
beamloom crystallography -c monitor.yaml dectris_v2:tcp://detector.example.org:31001 -n 16 -p adc_threshold=20"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration, the source, and what is shown."""
    parser.add_argument("source", metavar="SOURCE", nargs="+", help="where frames come from; see above")
    parser.add_argument("-c", "--config", metavar="FILE", help="the monitor.yaml; a simulation needs none")
    parser.add_argument(
        "-n",
        "--workers",
        metavar="N",
        type=int,
        default=max(1, (os.cpu_count() or 2) - 1),
        help="number of workers (default %(default)s)",
    )
    parser.add_argument(
        "-p",
        "--parameter",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a parameter of the analysis, over what the monitor.yaml says; may be given several times",
    )
    parser.add_argument(
        "-o",
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a setting of the source's device, as follow=true of files; may be given several times",
    )
    parser.add_argument(
        "--frames",
        metavar="N",
        type=int,
        default=500,
        help="frames of a simulation (default %(default)s)",
    )
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        default="127.0.0.1:5000",
        help="where the dashboard is (default %(default)s; port 0: a free one)",
    )
    parser.add_argument("--record", metavar="FOLDER", help="record each run into a folder, to be replayed")
    parser.add_argument("--keep", action="store_true", help="stay when the run is over, until Ctrl-C")
    parser.add_argument(
        "--check", action="store_true", help="only say whether monitor.yaml and SOURCE are right"
    )
    parser.add_argument(
        "--logs", metavar="FOLDER", help="also write the output of each process to FOLDER/NAME.log"
    )
    parser.add_argument("--plain", action="store_true", help="lines only, no table")
    parser.add_argument(
        "--ready-timeout",
        metavar="SECONDS",
        type=float,
        default=120.0,
        help="how long the processes may take to find each other (default %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run to the end of the frames, or until told to end."""
    from beamloom.cli._crystallography_run import Plan, go, replayed
    from beamloom.cli._frame_source import frame_source
    from beamloom.errors import UsageError

    if arguments.workers < 1:
        raise UsageError(f"-n is {arguments.workers}; there has to be one worker at least")
    monitor = _monitor(arguments.config)
    source = frame_source(arguments.source, _pairs(arguments.option, "-o"), Plan.STREAM)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="beamloom-crystallography-")))
        plan = _plan(arguments, monitor, source, folder)
        for note in _notes(monitor, source):
            print(note, file=sys.stderr)
        if arguments.check:
            print(f"all is right: {', '.join(arguments.source)}, {plan.worker_class}")
            return 0
        if source.kind == "recording":
            return replayed(plan, source.files)
        return go(plan, source, arguments)


def _monitor(path: str | None) -> Monitor | None:
    from beamloom.apps.crystallography.monitor import read_monitor

    return None if path is None else read_monitor(path)


def _notes(monitor: Monitor | None, source: FrameSource) -> list[str]:
    if monitor is None:
        return []
    notes = [f"{monitor.file}, {note}" for note in monitor.notes]
    if source.kind == "simulation" and not monitor.is_own_class:
        notes.append(f"{monitor.file}: geometry_file has no effect: the simulated detector has its own")
    return notes


def _plan(arguments: argparse.Namespace, monitor: Monitor | None, source: FrameSource, folder: Path) -> Plan:
    from beamloom.cli._crystallography_run import plan_of

    return plan_of(
        monitor,
        source,
        _pairs(arguments.parameter, "-p"),
        workers=arguments.workers,
        frames=arguments.frames,
        folder=folder,
    )


def _pairs(words: list[str], flag: str) -> dict[str, Any]:
    import yaml

    from beamloom.errors import UsageError

    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{flag} {word} is no NAME=VALUE")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            found[name] = value
        if found[name] is None:
            found[name] = ""
    return found
