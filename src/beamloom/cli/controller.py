"""Start the controller, the process that owns the run.

It keeps the trigger map, decides which worker gets which event, keeps the account of every event, and answers scan
software and people over HTTP. One per pipeline.
"""

from __future__ import annotations

import argparse

from beamloom.cli import _service
from beamloom.settings import ControllerSettings

EXAMPLE = "beamloom controller --port 5000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting."""
    aliases = {"name": ["-n"], "http_host": ["--host"], "http_port": ["-p", "--port"]}
    _service.add_settings(parser, ControllerSettings, aliases)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    return _service.serve(
        "controller.process", _service.settings_from(ControllerSettings, arguments), arguments
    )
