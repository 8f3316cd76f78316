"""Watch a pipeline in the terminal: health, run, streams, processes and failures, live.

It needs nothing but the address of the controller and a terminal, also over SSH. Press ? for its keys. A controller that is gone is asked
again until it is back. Where the output is no terminal, and with --once, one picture is printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from beamloom.cli._pipelines import add_url

if TYPE_CHECKING:
    from beamloom.client._http import Service
    from beamloom.top.paper import Paper

EXAMPLE = """\
beamloom top
beamloom top http://beamline:5000
beamloom top beamline:5000 --once"""
TIMEOUT = 5.0
WIDTH = 100
"""Columns where nobody knows how many there are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pipeline, and how it is shown."""
    add_url(parser)
    parser.add_argument("--once", action="store_true", help="print one picture and end")
    parser.add_argument(
        "--interval",
        metavar="SECONDS",
        type=_seconds,
        default=1.0,
        help="time between two looks (default %(default)g)",
    )
    parser.add_argument(
        "--ascii", action="store_true", help="use no other characters (default: what the locale says)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Watch until told to end, or once."""
    from beamloom.access.clients import credentials_of
    from beamloom.client._http import Service, whole_url
    from beamloom.top.paper import Paper

    controller = Service(whole_url(arguments.url), "controller", TIMEOUT, credentials_of())
    paper = Paper.of(os.environ, sys.stdout.encoding, ascii_only=arguments.ascii, styled=sys.stdout.isatty())
    screen = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if arguments.once or not screen:
        return _once(controller, arguments.interval, paper)
    from beamloom.top.loop import show

    show(controller, arguments.interval, paper)
    return 0


def _once(controller: Service, interval: float, paper: Paper) -> int:
    """Two looks, between which there are rates, and one picture."""
    from beamloom.top.history import History, Moment
    from beamloom.top.page import whole
    from beamloom.top.watching import look_at

    history = History()
    try:
        history.add(look_at(controller, failures=False))
        time.sleep(interval)
        look = look_at(controller, failures=False)
    finally:
        controller.close()
    columns = shutil.get_terminal_size((WIDTH, 24)).columns
    print(whole(Moment(controller.url, look.wall, look, history.add(look)), columns, paper))
    return 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time between two looks; give 0.1 to 3600 seconds")
    return seconds
