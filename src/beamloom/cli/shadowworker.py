"""Start a shadow worker: another worker and reducer class over copies of some events, beside a run and without a part in it.

`beamloom shadow start` has one started where the pipeline was; this is for pipelines whose processes are started by hand or by a cluster.
"""

from __future__ import annotations

import argparse

from beamloom.cli import _service
from beamloom.settings import ShadowWorkerSettings

EXAMPLE = "beamloom shadowworker --worker-class spectra:BetterWorker --reducer-class spectra:BetterReducer --sample 0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting."""
    aliases = {"name": ["-n"], "worker_class": ["-c", "--workerclass"], "http_port": ["-p", "--port"]}
    _service.add_settings(parser, ShadowWorkerSettings, aliases)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    return _service.serve(
        "shadow.process", _service.settings_from(ShadowWorkerSettings, arguments), arguments
    )
