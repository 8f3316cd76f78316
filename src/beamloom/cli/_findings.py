"""What commands say that find out something: lines for people, or all of it as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from beamloom.whole_files import write_whole


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """``json``: where all of it goes."""
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - to the standard output")


def say(lines: Iterable[str], as_json: bytes, wanted: str | None) -> None:
    """Print the lines, or the JSON instead where it is ``wanted`` there; write the JSON to any other file that is wanted."""
    if wanted == "-":
        print(as_json.decode())
        return
    if wanted is not None:
        write_whole(Path(wanted), as_json + b"\n")
    print("\n".join(lines))
