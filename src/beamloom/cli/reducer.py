"""Start the reducer, which collects results and publishes them over HTTP.

It takes each result once and calls your reducer class with it. One per pipeline.
"""

from __future__ import annotations

import argparse

from beamloom.cli import _service
from beamloom.settings import ReducerSettings

EXAMPLE = "beamloom reducer -c reducer:FluorescenceReducer --port 5001"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting."""
    aliases = {
        "name": ["-n"],
        "reducer_class": ["-c", "--reducerclass"],
        "http_host": ["--host"],
        "http_port": ["-p", "--port"],
    }
    _service.add_settings(parser, ReducerSettings, aliases)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    return _service.serve("reducer.process", _service.settings_from(ReducerSettings, arguments), arguments)
