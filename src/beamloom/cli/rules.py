"""Rules: batch analyses that follow the data, one after the other.

serve works off rules in this process, without a pipeline.
"""

from __future__ import annotations

import argparse

from beamloom.cli import _service
from beamloom.settings import RulesSettings

EXAMPLE = """\
beamloom rules serve --rules-below /data/today"""
NOT_HERE = frozenset({"advertise", "bind", "heartbeat_interval", "heartbeat_timeout", "keys", "mailbox_open"})
"""Settings of every process of a pipeline; this one takes part in none."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command for each thing to do."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="work off rules in this process, without a pipeline")
    aliases = {"http_host": ["--host"], "http_port": ["-p", "--port"]}
    _service.add_settings(serve, RulesSettings, aliases, leave_out=NOT_HERE)
    # Set by the controller that starts it.
    serve.add_argument("--announced", action="store_true", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    return _serve(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    settings = _service.settings_from(RulesSettings, arguments)
    return _service.serve("rules_process", settings, arguments, announced=arguments.announced)
