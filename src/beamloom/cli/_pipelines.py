"""The pipeline that a command speaks with."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beamloom.client import Pipeline
    from beamloom.client._processes import Processes

DEFAULT = "http://127.0.0.1:5000"
VARIABLE = "BEAMLOOM_URL"
"""Says for a whole shell which pipeline is meant."""
TIMEOUT = 10.0
"""Longest wait for an answer, in seconds."""
ELSE = f"(default: {VARIABLE}, else {DEFAULT})"
WHERE = f"address of the controller {ELSE}"
HELP = f"{WHERE}; a token is taken from BEAMLOOM_TOKEN"


def default_url() -> str:
    """The controller that is meant where none is named."""
    return os.environ.get(VARIABLE) or DEFAULT


def add_url(parser: argparse.ArgumentParser) -> None:
    """Where its controller is, of a command that takes no other words."""
    parser.add_argument("url", nargs="?", default=default_url(), metavar="URL", help=HELP)


def add_url_option(parser: argparse.ArgumentParser) -> None:
    """The same as ``--url``, of a command that takes other words."""
    parser.add_argument("--url", default=default_url(), metavar="URL", help=HELP)


def pipeline_at(url: str) -> Pipeline:
    """The pipeline whose controller is there."""
    from beamloom.client import connect

    return connect(url, timeout=TIMEOUT)


@contextmanager
def processes_at(url: str, timeout: float = TIMEOUT) -> Iterator[Processes]:
    """The same for questions that a ``Pipeline`` does not ask; its connections are closed behind that."""
    from beamloom.client._http import whole_url
    from beamloom.client._processes import Processes

    processes = Processes.at(whole_url(url), timeout)
    try:
        yield processes
    finally:
        processes.close()
