"""The arguments that name an analysis and the recordings that it is tried with, the same for every command that takes them."""

from __future__ import annotations

import argparse


def add_analysis_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """``workerclass`` and ``reducerclass``, which may be ``required``; ``files`` or ``source``; ``parameters``, ``allow_pickle``."""
    parser.add_argument(
        "-w", "--workerclass", metavar="MODULE:CLASS", required=required, help="your worker class"
    )
    parser.add_argument(
        "-r", "--reducerclass", metavar="MODULE:CLASS", required=required, help="your reducer class"
    )
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
    parser.add_argument(
        "-p",
        "--parameters",
        metavar="FILE",
        help="parameters: JSON, CBOR or pickle (default: those recorded beside the files)",
    )
    parser.add_argument(
        "--allow-pickle", action="store_true", help="read recordings of the old pickled form, too (.pkls)"
    )
