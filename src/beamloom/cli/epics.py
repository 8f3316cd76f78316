"""Serve a pipeline as process variables of EPICS PV Access: its state, its counts, its parameters and results.

PREFIXState, PREFIXStatus, PREFIXCompletedEvents, PREFIXResult:PATH and more; a put to PREFIXParam:NAME sets a parameter. Addresses are
those of the environment (EPICS_PVAS_INTF_ADDR_LIST and so on). It needs pip install 'beamloom[epics]'.
"""

from __future__ import annotations

import argparse
import importlib.util
import signal

from beamloom.cli._pipelines import add_url_option
from beamloom.errors import UsageError

EXAMPLE = """\
beamloom epics BL03:BEAMLOOM: --url http://beamline:5000
beamloom epics BL03:BEAMLOOM: --array image=sum:2 --array profile=radial/mean:1 --table hits=hits"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The names, and the pipeline."""
    parser.add_argument("prefix", metavar="PREFIX", help="what all names begin with")
    add_url_option(parser)
    parser.add_argument(
        "--array",
        action="append",
        default=[],
        metavar="NAME=PATH:N",
        help="a result with N dimensions (1 or 2) as PREFIXResult:NAME; an image is an NTNDArray. Numbers are there by themselves",
    )
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="a result that has columns of one length as PREFIXResult:NAME, an NTTable",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    if importlib.util.find_spec("p4p") is None:
        raise UsageError("this needs p4p: pip install 'beamloom[epics]'")
    from beamloom.control.epics.serving import PipelineServer
    from beamloom.control.panels.arrays import wanted_arrays, wanted_tables

    try:
        arrays = wanted_arrays(arguments.array)
    except ValueError as error:
        raise UsageError(f"--array: {error}") from error
    try:
        tables = wanted_tables(arguments.table)
    except ValueError as error:
        raise UsageError(f"--table: {error}") from error
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    with PipelineServer(arguments.url, arguments.prefix, arrays, tables):
        print(f"{arguments.prefix}State and others are served; Ctrl-C ends it", flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 0
