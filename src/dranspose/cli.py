"""The ``dranspose`` command: the processes and the replay, with the flags that existing deployments use."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from beamloom.cli import main as beamloom
from beamloom.devices.ingester_classes import DEVICES
from beamloom.errors import did_you_mean

SAME = ("controller", "worker", "debugworker", "reducer", "replay")
"""Commands whose flags are the same."""
INGESTERS = ("ingester", "http_ingester")
HELP = f"""usage: dranspose {{{",".join((*SAME, *INGESTERS))}}} ...

The commands of dranspose, run by Beamloom: 'dranspose COMMAND --help' describes each.
'beamloom --help' has more, among them 'beamloom up', which starts a whole pipeline."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP)
        return 0
    command, *rest = arguments
    if command == "replay":
        # Who names a .pkls file to dranspose means it; the unpickler for recordings knows nothing but records.
        rest.append("--allow-pickle")
    if command == "controller":
        rest = [*_anywhere(), *rest]
    if command in SAME:
        return beamloom([command, *rest])
    if command == "ingester":
        return _ingester(rest)
    if command == "http_ingester":
        return _http_ingester(rest)
    instead = {"combined": "'beamloom up pipeline.yaml' starts a whole pipeline on this machine"}.get(
        command, f"there are {', '.join((*SAME, *INGESTERS))}"
    )
    print(f"dranspose: no command {command!r}; {instead}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; '{self.prog} --help' shows what it takes\n")


def _ingester(argv: Sequence[str]) -> int:
    parser = _Parser("dranspose ingester", description="Receive one stream from a device.")
    parser.add_argument("-c", "--ingesterclass", required=True, help=", ".join(DEVICES))
    parser.add_argument(
        "-u",
        "--upstream_url",
        default=os.environ.get("UPSTREAM_URL") or None,
        required=not os.environ.get("UPSTREAM_URL"),
        help="address of the device, such as tcp://host:9999 (variable UPSTREAM_URL)",
    )
    parser.add_argument("-n", "--name", required=True, help="name of the stream")
    arguments, more = parser.parse_known_args(argv)
    device = DEVICES.get(arguments.ingesterclass)
    if device is None:
        print(
            f"dranspose ingester: there is no ingester class {arguments.ingesterclass!r}"
            f"{did_you_mean(arguments.ingesterclass, DEVICES)}; there are {', '.join(DEVICES)}",
            file=sys.stderr,
        )
        return 2
    return _receive(arguments.name, device, arguments.upstream_url, more)


def _http_ingester(argv: Sequence[str]) -> int:
    parser = _Parser("dranspose http_ingester", description="Receive the records that Sardana posts.")
    parser.add_argument(
        "-c", "--ingesterapp", help="taken and not needed: there is one kind of records over HTTP"
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default %(default)s)")
    parser.add_argument("-p", "--port", type=int, default=5000, help="port (default %(default)s)")
    parser.add_argument("-n", "--name", required=True, help="name of the stream")
    arguments, more = parser.parse_known_args(argv)
    return _receive(arguments.name, "sardana", f"http://{arguments.host}:{arguments.port}", more)


def _receive(stream: str, device: str, url: str, more: Sequence[str]) -> int:
    streams = json.dumps({stream: {"device": device, "url": url}})
    return beamloom(["ingester", "--name", f"{stream}-ingester", "--streams", streams, *_anywhere(), *more])


def _anywhere() -> list[str]:
    """Existing scans name any folder by the parameter dump_prefix."""
    return [] if "BEAMLOOM_RECORD_BELOW" in os.environ else ["--record-below=/"]
