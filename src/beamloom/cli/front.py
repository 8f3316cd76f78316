"""Show several pipelines at one address: /pipelines/NAME/... is passed on to the controller of each.

'beamloom up' with several files starts one by itself. By hand it stands before pipelines that were started elsewhere, on other machines,
too. It decides nothing: each pipeline goes on by itself when the front is gone, and asks for its own tokens.
"""

from __future__ import annotations

import argparse

import msgspec

from beamloom.cli import _service
from beamloom.settings import FrontSettings

EXAMPLE = """beamloom front --port 5000 --pipeline-urls '{"saxs": "http://127.0.0.1:5010", "waxs": "http://127.0.0.1:5020"}'"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting."""
    aliases = {"http_host": ["--host"], "http_port": ["-p", "--port"]}
    _service.add_settings(parser, FrontSettings, aliases, leave_out=_service.OF_TAKING_PART)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    # Who starts it may hand down variables that are about processes of a pipeline, and have that port itself.
    settings = msgspec.structs.replace(_service.settings_from(FrontSettings, arguments), health_port=None)
    return _service.serve("front_process", settings, arguments)
