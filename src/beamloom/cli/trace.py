"""Record for a few seconds what each process of a pipeline does, as a picture: chrome://tracing and ui.perfetto.dev open the file.

Each message and each batch of work is a bar on the line of its process.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from beamloom.cli._pipelines import add_url_option, processes_at
from beamloom.whole_files import write_whole

EXAMPLE = """\
beamloom trace -o trace.json
beamloom trace --seconds 2 -o trace.json --url http://beamline:5000"""
TIMEOUT = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """For how long, and where to."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, default=Path("trace.json"), help="default %(default)s"
    )
    parser.add_argument(
        "--seconds", metavar="SECONDS", type=float, default=5.0, help="for how long (default %(default)g)"
    )
    parser.add_argument(
        "--spans",
        metavar="COUNT",
        type=int,
        default=20_000,
        help="so many of the last bars of each process are kept (default %(default)s)",
    )
    add_url_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Begin, wait, write."""
    import msgspec

    with processes_at(arguments.url, TIMEOUT) as processes:
        processes.controller.post(f"/api/v1/trace?spans={arguments.spans}", b"", dict[str, Any])
        time.sleep(arguments.seconds)
        told: dict[str, Any] = processes.controller.get("/api/v1/trace", dict[str, Any])
    write_whole(arguments.output, msgspec.json.encode(told))
    bars = sum(event["ph"] == "X" for event in told["traceEvents"])
    print(f"{bars} bars in {arguments.output}; open it at https://ui.perfetto.dev or chrome://tracing")
    for name in told["otherData"]["missing"]:
        print(f"{name} has not answered in time and is missing; it may be busy with a long event")
    return 0
