"""Show what is in recordings and captures: streams, packets, numbers and their gaps, shapes, types and compression.

Of an HDF5 file it shows which stack of frames a stream would take, by which rule, and in which files those frames are.
Exit status 1 when a file breaks off, is damaged or lacks a part, 2 when it is nothing of these.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

EXAMPLE = """\
beamloom inspect scan-*.cbors
beamloom inspect capture.cbors.gz --device xspress3
beamloom inspect run_1_master.h5"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a recording or a capture, also .gz; or HDF5"
    )
    parser.add_argument("--device", metavar="NAME", help="who sent a capture; without it: recognised")
    parser.add_argument("--dataset", default="", metavar="NAME", help="the stack of frames in an HDF5 file")
    parser.add_argument(
        "--allow-pickle", action="store_true", help="also read old recordings of pickled records"
    )


def run(arguments: argparse.Namespace) -> int:
    """One report for each file; a file that cannot be read does not hide the others."""
    import logging

    from beamloom.devices.registry import find_device
    from beamloom.errors import UserError
    from beamloom.probing.file_report import report
    from beamloom.probing.files import summarise
    from beamloom.probing.hdf5_files import is_hdf5, report_hdf5, summarise_hdf5

    # The report itself says that a recording breaks off.
    logging.getLogger("beamloom.recordings").addHandler(logging.NullHandler())
    if arguments.device is not None:
        find_device(arguments.device)
    status = 0
    for index, path in enumerate(arguments.files):
        try:
            damage: str | None
            if is_hdf5(path):
                stacks = summarise_hdf5(path, arguments.dataset)
                shown, damage = report_hdf5(stacks), stacks.damage
            else:
                found = summarise(path, allow_pickle=arguments.allow_pickle, device=arguments.device)
                shown, damage = report(found), found.damage
        except OSError as error:
            print(f"beamloom inspect: {path} cannot be read: {error.strerror}", file=sys.stderr)
            status = 2
            continue
        except UserError as error:
            print(f"beamloom inspect: {error}", file=sys.stderr)
            status = 2
            continue
        print("\n" * (index > 0) + shown, flush=True)
        if damage is not None:
            status = max(status, 1)
    return status
