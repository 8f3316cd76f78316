"""What ``beamloom bench`` and ``beamloom capacity`` measure: a pipeline file or its classes, with recordings in memory."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from beamloom.cli._analysis_arguments import add_analysis_arguments


def add_measured_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pipeline, and how much of the recordings is held."""
    parser.add_argument(
        "pipeline", metavar="FILE.yaml", nargs="?", help="pipeline file: its classes, workers and settings"
    )
    add_analysis_arguments(parser, required=False)
    parser.add_argument(
        "--memory",
        metavar="MB",
        type=int,
        default=512,
        help="packets that are held in memory, in each process that reads them (default %(default)s)",
    )


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a Question says of them."""
    return {
        "worker_class": arguments.workerclass,
        "reducer_class": arguments.reducerclass,
        "files": arguments.files,
        "source": arguments.source,
        "pipeline": None if arguments.pipeline is None else Path(arguments.pipeline),
        "parameters": arguments.parameters,
        "most_bytes": arguments.memory * 1_000_000,
        "allow_pickle": arguments.allow_pickle,
    }
