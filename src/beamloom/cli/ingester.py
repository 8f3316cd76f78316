"""Start an ingester, which receives one stream or a few and hands each packet to the workers that need it.

One per stream is usual; streams that must share a network card may share a process.
"""

from __future__ import annotations

import argparse
from typing import Any

import yaml

from beamloom.cli import _service
from beamloom.errors import UsageError
from beamloom.settings import IngesterSettings

EXAMPLE = """\
beamloom ingester --stream xspress3 xspress3 tcp://127.0.0.1:9999
beamloom ingester --stream eiger stins tcp://detector:9999 --stream motors contrast tcp://scan:5556"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting, and a short form for streams."""
    parser.add_argument(
        "-s",
        "--stream",
        nargs="+",
        action="append",
        metavar=("NAME DEVICE URL", "KEY=VALUE"),
        help="a stream: its name, its device protocol, the device's address, and further keys of the device; may be repeated",
    )
    _service.add_settings(parser, IngesterSettings, {"name": ["-n"]})


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    from beamloom.pipeline_file import check_streams

    given = {"streams": dict(map(_stream, arguments.stream))} if arguments.stream else {}
    settings = _service.settings_from(IngesterSettings, arguments, given)
    check_streams(settings.streams)
    return _service.serve("ingester.process", settings, arguments)


def _stream(words: list[str]) -> tuple[str, dict[str, Any]]:
    if len(words) < 3:
        raise UsageError(
            f"--stream {' '.join(words)}: takes a name, a device and an address, such as "
            "--stream xspress3 xspress3 tcp://127.0.0.1:9999"
        )
    name, device, url, *further = words
    keys: dict[str, Any] = {"device": device, "url": url}
    for word in further:
        key, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"--stream {name}: {word!r} is not KEY=VALUE")
        keys[key] = yaml.safe_load(text)
    return name, keys
