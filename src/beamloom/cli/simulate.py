"""Play a device: bind a socket, wait until somebody connects, and send what the device would send.

What is sent comes from a capture of the real device, from the recording of a run, or is generated.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import time
from collections.abc import Iterable, Sequence

EXAMPLE = """\
beamloom simulate stins --bind tcp://127.0.0.1:9999 --frames 1000 --shape 512,512 --rate 100
beamloom simulate xspress3 --bind tcp://127.0.0.1:9999 --capture xspress3-dump.cbors"""


_ACTS = {"http": "posts to", "file": "writes to"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command for each installed device, with what its generator takes."""
    from beamloom.cli._signature import add_flags
    from beamloom.devices.registry import installed_devices

    devices = parser.add_subparsers(dest="device", required=True, metavar="DEVICE", title="devices")
    for device in installed_devices():
        name = device.name
        own = devices.add_parser(
            name,
            help=device.title,
            description=f"Play the device {name}: {device.title}.",
            formatter_class=parser.formatter_class,
            allow_abbrev=False,
        )
        own.add_argument(
            "--bind",
            metavar="URL",
            default=device.bind,
            required=device.bind is None,
            help=f"where to listen, post or write; port * picks a free one ({_default(device.bind)})",
        )
        own.add_argument(
            "--capture",
            metavar="FILE",
            help="play a capture, or what a run has recorded of the device, not generated data; may be .gz",
        )
        own.add_argument(
            "--rate",
            metavar="HZ",
            type=float,
            help="data messages per second; without it: as fast as they are taken",
        )
        own.add_argument(
            "--wait",
            metavar="SECONDS",
            type=float,
            default=3600.0,
            help="how long to wait for somebody to connect (default %(default)g)",
        )
        own.add_argument(
            "--stay",
            metavar="SECONDS",
            type=float,
            default=2.0,
            help="how long to stay connected after the last message, as a device would (default %(default)g)",
        )
        group = own.add_argument_group(
            "generated data", (inspect.getdoc(device.generate) or "").replace("``", "'")
        )
        add_flags(group, device.generate)


def run(arguments: argparse.Namespace) -> int:
    """Send everything once, then end."""
    from beamloom.devices.registry import find_device
    from beamloom.errors import UsageError, UserError

    device = find_device(arguments.device)
    messages = _messages(arguments)
    try:
        simulator = device.simulator(arguments.bind)
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        print(f"{device.name} {_acts_on(simulator.url)}", file=sys.stderr, flush=True)
        simulator.wait_for_client(arguments.wait)
        sent = simulator.play(messages, rate=arguments.rate)
        print(f"{device.name} sent {sent} messages", file=sys.stderr, flush=True)
        time.sleep(arguments.stay)
    except TimeoutError as error:
        raise UserError(f"{error}; start the ingester, or wait longer with --wait") from error
    finally:
        simulator.close()
    return 0


def _default(bind: str | None) -> str:
    return "has to be said" if bind is None else f"default {bind}"


def _acts_on(url: str) -> str:
    """What the simulator does at the address: most devices are connected to, some post to us, some write files."""
    return f"{_ACTS.get(url.partition('://')[0], 'listens at')} {url}"


def _messages(arguments: argparse.Namespace) -> Iterable[Sequence[bytes]]:
    from beamloom.cli._recorded_messages import is_recording, recorded_messages
    from beamloom.cli._signature import given_flags
    from beamloom.devices.captures import read_capture
    from beamloom.devices.registry import find_device
    from beamloom.errors import UsageError

    generate = find_device(arguments.device).generate
    given = given_flags(arguments, generate)
    if arguments.capture is None:
        return generate(**given)
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(
            f"--capture plays what the device sent, so {flags} cannot change it; leave one of the two out"
        )
    try:
        if is_recording(arguments.capture):
            return recorded_messages(find_device(arguments.device), arguments.capture)
        return list(read_capture(arguments.capture))
    except OSError as error:
        raise UsageError(f"the capture {arguments.capture} cannot be read: {error.strerror}") from error
