"""Show a pipeline as a Tango device: its state, its counts, its parameters and results as attributes; SetTriggerMap, Live, Stop.

INSTANCE names this server in the Tango database (TANGO_HOST); with --device the device is entered there. With --nodb it runs without any
database. It needs pip install 'beamloom[tango]'.
"""

from __future__ import annotations

import argparse
import importlib.util

from beamloom.errors import UsageError

EXAMPLE = """\
beamloom tango veritas --device b316a/daq/beamloom --url http://beamline:5000
beamloom tango veritas
beamloom tango test --nodb 10123 --array image=sum:2"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The device, and its pipeline."""
    parser.add_argument("instance", metavar="INSTANCE", help="name of this server")
    parser.add_argument(
        "--device", metavar="A/B/C", help="enter this device into the database, with what follows"
    )
    parser.add_argument(
        "--url",
        default="",
        metavar="URL",
        help="address of the controller (default: as entered, else http://127.0.0.1:5000)",
    )
    parser.add_argument(
        "--array",
        action="append",
        default=[],
        metavar="NAME=PATH:N",
        help="a result with N dimensions (1 or 2) as an attribute; numbers are attributes by themselves",
    )
    parser.add_argument(
        "--nodb", type=int, default=0, metavar="PORT", help="without a database, at this port of this machine"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    if importlib.util.find_spec("tango") is None:
        raise UsageError("this needs PyTango: pip install 'beamloom[tango]'")
    from beamloom.control.panels.arrays import wanted_arrays
    from beamloom.control.tango.serving import DEVICE, Place, register, serve

    try:
        wanted_arrays(arguments.array)
    except ValueError as error:
        raise UsageError(f"--array: {error}") from error
    device = arguments.device or DEVICE
    place = Place(arguments.instance, device, arguments.url, arguments.array, arguments.nodb)
    if arguments.nodb:
        print(f"tango://127.0.0.1:{arguments.nodb}/{device}#dbase=no", flush=True)
    elif arguments.device:
        register(place)
    serve(place)
    return 0
