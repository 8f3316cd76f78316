"""Say what is wrong with a pipeline, since when, and what to do.

Looks at one that runs, by its address, or at a pipeline file and what it needs: ports, classes, devices, disks. It takes nothing from
devices and changes nothing. With --network it looks at the network between this machine and all processes instead. Exit status 0: nothing
is wrong; 1: something was found.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from beamloom.cli._pipelines import ELSE, default_url
from beamloom.errors import UsageError

if TYPE_CHECKING:
    from beamloom.doctor import Finding

EXAMPLE = """\
beamloom doctor
beamloom doctor http://beamline:5000
beamloom doctor pipeline.yaml
beamloom doctor --network http://beamline:5000"""
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
    parser.add_argument(
        "--network",
        action="store_true",
        help="look at the network between this machine and all processes; ask on each machine of the pipeline",
    )
    parser.add_argument(
        "--bandwidth",
        type=_gigabits,
        metavar="GBIT",
        help="with --network: what one connection is to carry, in Gbit/s (default: the speed of each interface)",
    )
    parser.add_argument("--json", action="store_true", help="as data, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Look, tell, and say by the status whether anything was found."""
    import msgspec

    from beamloom.doctor import Gravity
    from beamloom.doctor.report import report

    if arguments.network:
        head, findings, now = _network(arguments.what, arguments.bandwidth)
    elif arguments.bandwidth is not None:
        raise UsageError("--bandwidth belongs to --network; give both, or neither")
    else:
        head, findings, now = _look(arguments.what)
    if arguments.json:
        print(msgspec.json.encode({"at": now, "findings": findings}).decode())
    else:
        columns = shutil.get_terminal_size((100, 24)).columns
        print(report(head, findings, now, columns, coloured=sys.stdout.isatty()))
    return 1 if any(finding.gravity is not Gravity.NOTE for finding in findings) else 0


def _gigabits(text: str) -> float:
    """In bits per second. Raises ArgumentTypeError."""
    try:
        rate = float(text) * 1e9
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no bandwidth; give Gbit/s, such as 10")
    return rate


def _network(what: str, bandwidth: float | None) -> tuple[str, list[Finding], float]:
    """What was looked at, what was found, and when."""
    from beamloom.doctor.absence import absent
    from beamloom.doctor.finding import listed
    from beamloom.doctor.network import examine_network, places_of, this_machine, ways_to
    from beamloom.errors import PipelineError

    machine = this_machine()
    own = [
        f"{one.name} {one.address} (packets of {one.mtu} bytes)"
        for one in machine.interfaces
        if one.name != "lo"
    ]
    here = f"from {machine.name}, which has {listed(own) or 'no network'}"
    address, credentials = _controller_of(what)
    try:
        config = _answer(address, credentials, "config")
    except PipelineError as error:
        # What is set on this machine can be looked at all the same.
        return (
            f"{address}, {here}",
            [absent(address, error), *examine_network(machine, [], bandwidth)],
            time.time(),
        )
    places = places_of(config)
    hosts = len({place.host for place in places})
    head = f"{address}, {here}: {len(places)} addresses of processes on {hosts} machine{'s' if hosts != 1 else ''}"
    return head, examine_network(machine, ways_to(places), bandwidth), time.time()


def _controller_of(what: str) -> tuple[str, Any]:
    """The address of the controller that is meant, and what is presented to it."""
    from beamloom.client._http import whole_url

    if not _is_file(what):
        return whole_url(what), None
    from beamloom.pipeline_file import read_pipeline
    from beamloom.placement import layout_of

    layout = layout_of(read_pipeline(what))
    return layout.controller_url or default_url(), layout.credentials


def _is_file(what: str) -> bool:
    return what.endswith((".yaml", ".yml", ".json"))


def _look(what: str) -> tuple[str, list[Finding], float]:
    """What was looked at, what was found, and when."""
    if not _is_file(what):
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
    from beamloom.doctor import Finding
    from beamloom.doctor.absence import absent
    from beamloom.errors import PipelineError

    address = whole_url(url)
    try:
        told = _answer(address, credentials, "doctor")
    except PipelineError as error:
        return address, [absent(address, error)], time.time(), False
    doing = "no run yet" if told["run"] is None else f"run {told['run'][:8]} is {told['phase']}"
    head = f"{address}, version {told['version']}: {doing}, {told['processes'] + 1} processes"
    return head, msgspec.convert(told["findings"], list[Finding]), told["at"], True


def _answer(address: str, credentials: Any, question: str) -> dict[str, Any]:
    """What the controller answers to one question. Raises PipelineError."""
    from beamloom.client._processes import Processes

    processes = Processes.at(address, TIMEOUT, credentials)
    try:
        return processes.controller.get(f"/api/v1/{question}", dict[str, Any])
    finally:
        processes.close()
