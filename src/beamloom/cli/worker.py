"""Start a worker, which assembles events and calls your worker class.

As many as the analysis needs; each takes events whose tags it has. Workers may join while a run is going on.
"""

from __future__ import annotations

import argparse

from beamloom.cli import _service
from beamloom.settings import WorkerSettings

EXAMPLE = "beamloom worker -c worker:FluorescenceWorker --tags generic,fast"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting."""
    aliases = {"name": ["-n"], "worker_class": ["-c", "--workerclass"]}
    _service.add_settings(parser, WorkerSettings, aliases)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    return _service.serve("worker.process", _service.settings_from(WorkerSettings, arguments), arguments)
