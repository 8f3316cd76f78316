"""Find out which device sends at an address, how fast and what, and print its entry in the pipeline file.

Reads for ten seconds at most. From a PUSH socket (STINS, DECTRIS) this takes packets away from other readers: do not probe one
while a run that matters reads from it.
"""

from __future__ import annotations

import argparse

EXAMPLE = """\
beamloom probe tcp://detector.example.org:9999
beamloom probe pva://13SIM1:Pva1:Image"""

MOST_SECONDS = 9.5
"""With the start of the program, an answer within ten seconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The address."""
    parser.add_argument(
        "url", metavar="URL", help="tcp://host:port, ipc://path, pva://PV; http://host:port to be posted to"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=MOST_SECONDS,
        metavar="S",
        help="how long to listen at most (default %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Exit status 1 when nothing came, or nothing that can be read."""
    from beamloom.errors import UsageError
    from beamloom.probing.probe import probe
    from beamloom.probing.probe_report import report

    if "://" not in arguments.url:
        raise UsageError(
            f"{arguments.url!r} does not say how to connect; write it like tcp://host:9999 or pva://PV"
        )
    if not arguments.seconds > 0:
        raise UsageError(f"--seconds {arguments.seconds:g} leaves no time to listen; give more than 0")
    probed = probe(arguments.url, arguments.seconds)
    print(report(probed))
    return 0 if probed.device is not None else 1
