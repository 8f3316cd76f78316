"""The arguments that name recordings, the same for every command that reads them."""

from __future__ import annotations

import argparse


def add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    """``files``: the recordings of one run; ``source``: a class that makes records in code."""
    parser.add_argument(
        "-f",
        "--files",
        metavar="FILE",
        nargs="+",
        action="extend",
        default=[],
        help="recordings of one run; .gz is read as well",
    )
    parser.add_argument(
        "-s", "--source", metavar="MODULE:CLASS", help="a class that makes records in code; wins over --files"
    )
