"""Say what is wrong with a pipeline, since when, and what to do.

Looks at one that runs, by its address, or at a pipeline file and what it needs: ports, classes, devices, disks. It takes nothing from
devices and changes nothing. Exit status 0: nothing is wrong; 1: something was found.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from beamloom.cli._pipelines import ELSE, default_url

if TYPE_CHECKING:
    from beamloom.doctor import Finding

EXAMPLE = """\
beamloom doctor
beamloom doctor http://beamline:5000
beamloom doctor pipeline.yaml"""
TIMEOUT = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of what."""
    parser.add_argument(
        "what",
        nargs="?",
        default=default_url(),
        metavar="URL|FILE",
        help=f"address of the controller, or a pipeline file {ELSE}",
    )
    parser.add_argument("--json", action="store_true", help="as data, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Look, tell, and say by the status whether anything was found."""
    import msgspec

    from beamloom.doctor import Gravity
    from beamloom.doctor.report import report

    head, findings, now = _look(arguments.what)
    if arguments.json:
        print(msgspec.json.encode({"at": now, "findings": findings}).decode())
    else:
        columns = shutil.get_terminal_size((100, 24)).columns
        print(report(head, findings, now, columns, coloured=sys.stdout.isatty()))
    return 1 if any(finding.gravity is not Gravity.NOTE for finding in findings) else 0


def _look(what: str) -> tuple[str, list[Finding], float]:
    """What was looked at, what was found, and when."""
    if not what.endswith((".yaml", ".yml", ".json")):
        head, findings, now, _ = _ask(what)
        return head, findings, now
    from beamloom.doctor.setup import of_setup
    from beamloom.native import WITHOUT
    from beamloom.pipeline_file import read_pipeline
    from beamloom.placement import layout_of

    pipeline = read_pipeline(what)
    layout = layout_of(pipeline)
    port = int(pipeline.controller.http.rpartition(":")[2])
    head = f"{what}: its controller may be on any free port, so only what it needs is looked at"
    found: list[Finding] = []
    now, runs = time.time(), False
    if port and layout.controller_url is not None:
        head, found, now, runs = _ask(layout.controller_url, layout.credentials)
        head = f"{what}: {head}"
    if WITHOUT:
        head = f"{head}; small events take more time on this machine than they could, without the compiled part of Beamloom: {WITHOUT}"
    findings = [*found, *of_setup(pipeline, runs=runs)]
    known: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        known.setdefault((finding.check, finding.about), finding)
    return head, list(known.values()), now


def _ask(url: str, credentials: Any = None) -> tuple[str, list[Finding], float, bool]:
    """What the controller says of itself, or why it does not; and whether it answers."""
    import msgspec

    from beamloom.client._http import whole_url
    from beamloom.client._processes import Processes
    from beamloom.doctor import Finding
    from beamloom.doctor.absence import absent
    from beamloom.errors import PipelineError

    address = whole_url(url)
    try:
        processes = Processes.at(address, TIMEOUT, credentials)
        try:
            told = processes.controller.get("/api/v1/doctor", dict[str, Any])
        finally:
            processes.close()
    except PipelineError as error:
        return address, [absent(address, error)], time.time(), False
    doing = "no run yet" if told["run"] is None else f"run {told['run'][:8]} is {told['phase']}"
    head = f"{address}, version {told['version']}: {doing}, {told['processes'] + 1} processes"
    return head, msgspec.convert(told["findings"], list[Finding]), told["at"], True
