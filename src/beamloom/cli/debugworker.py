"""Start a debug worker, which keeps the last events and serves them over HTTP.

It gets the events whose trigger map asks for its tags; a worker class is optional.
"""

from __future__ import annotations

import argparse

from beamloom.cli import _service
from beamloom.settings import DebugWorkerSettings

EXAMPLE = "beamloom debugworker --port 5002 --keep-events 100"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting."""
    aliases = {
        "name": ["-n"],
        "worker_class": ["-c", "--workerclass"],
        "http_host": ["--host"],
        "http_port": ["-p", "--port"],
    }
    _service.add_settings(parser, DebugWorkerSettings, aliases)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    return _service.serve(
        "worker.debugworker", _service.settings_from(DebugWorkerSettings, arguments), arguments
    )
