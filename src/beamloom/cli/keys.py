"""Write the key of a pipeline: processes that hold it take part, strangers do not, and what the processes say is encrypted.

Nothing is overwritten. Copy the file to each machine on which a process of the pipeline runs, and keep it from everybody else.
"""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = "beamloom keys secrets"

KEYS_FILE = "pipeline.keys"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        default="secrets",
        help="where they are written; made where it does not exist (default %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write them."""
    from beamloom.errors import UsageError
    from beamloom.transport.keys import new_keys, write_keys

    folder = Path(arguments.folder)
    keys = new_keys()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made ({error.strerror}); name another folder") from error
    write_keys(folder / KEYS_FILE, keys)
    print(f"{folder / KEYS_FILE}: the key of the pipeline; name it in the settings of every process:")
    print(f"    keys: {(folder / KEYS_FILE).resolve()}")
    return 0
