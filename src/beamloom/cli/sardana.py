"""Have a MacroServer of Sardana load the macros and the recorder that work with a pipeline.

MACROSERVER is its Tango device; it needs TANGO_HOST, and Beamloom installed where the MacroServer runs: pip install 'beamloom[sardana]'.
What to type in spock then is printed.
"""

from __future__ import annotations

import argparse
import importlib.util

from beamloom.cli._pipelines import add_url_option
from beamloom.errors import UsageError

EXAMPLE = """\
beamloom sardana macroserver/veritas/1
beamloom sardana macroserver/veritas/1 --url http://beamline:5000 --recorder http://beamline:8000"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The MacroServer, and the pipeline."""
    parser.add_argument("macroserver", metavar="MACROSERVER", help="its device, like macroserver/veritas/1")
    add_url_option(parser)
    parser.add_argument(
        "--recorder", metavar="URL", help="where the pipeline's stream of the device sardana listens"
    )


def run(arguments: argparse.Namespace) -> int:
    """Enter the folders, and say what is to be typed."""
    if importlib.util.find_spec("tango") is None:
        raise UsageError("this needs PyTango: pip install 'beamloom[sardana]'")
    from beamloom.control.sardana.installing import enter_folders, to_type

    new = enter_folders(arguments.macroserver)
    done = "has the macros and the recorder in its properties" if new else "had them already"
    print(f"{arguments.macroserver} {done}; start it again, and type in spock:\n")
    print("\n".join(f"  {line}" for line in to_type(arguments.url, arguments.recorder)))
    return 0
