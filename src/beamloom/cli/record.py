"""Capture what a ZeroMQ socket sends, message by message, into a file that 'beamloom simulate --capture' plays again.

Ends with Ctrl-C, after --seconds or after --messages, whichever comes first; the file appears then. How to read from the socket is
asked of the socket itself unless --pattern or --device says it. A PULL reader takes messages away from other readers.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from beamloom.probing.capturing import CaptureProgress
    from beamloom.probing.listening import Listener

EXAMPLE = """\
beamloom record tcp://detector.example.org:9999 -o images.cbors.gz --messages 100
beamloom record tcp://xspress3.example.org:5555 -o spectra.cbors --device xspress3 --seconds 60"""

PATTERNS = ("sub", "pull", "req")
LINE_SECONDS = 5.0
"""How often a line of progress is written where it cannot be written over the last."""
DRAW_SECONDS = 0.2
ASK_SECONDS = 10.0
"""How long somebody is waited for to answer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where from, where to, how long."""
    parser.add_argument("url", metavar="URL", help="where the device sends, for example tcp://host:9999")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, required=True, help="the capture; .gz compresses it"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--pattern", choices=PATTERNS, help="how to read; without it: as the socket asks for")
    how.add_argument("--device", metavar="NAME", help="read as this device's sources do")
    parser.add_argument("--seconds", type=_positive(float), metavar="S", help="end after so many seconds")
    parser.add_argument("--messages", type=_positive(int), metavar="N", help="end after so many messages")


def run(arguments: argparse.Namespace) -> int:
    """Capture until it is enough."""
    from beamloom.errors import UsageError
    from beamloom.probing.capturing import capture
    from beamloom.probing.readers import PATTERN_NAMES
    from beamloom.probing.text import count, size

    target: Path = arguments.output
    if target.exists():
        raise UsageError(f"{target} is there already; give another name with -o, or remove it")
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent} for the capture; make it, or choose another")
    progress = _progress(sys.stderr)
    listener = _listener(arguments)
    limits = {"seconds": arguments.seconds, "messages": arguments.messages}
    with listener, _interruptible() as stopped:
        print(
            f"reading {arguments.url} by {PATTERN_NAMES[listener.pattern]}; Ctrl-C ends",
            file=sys.stderr,
            flush=True,
        )
        done = capture(listener, target, **limits, stopped=stopped, show=progress)
    rate = f", {done.rate:.4g} per second" if done.rate else ""
    print(f"{target}: {count(done.messages, 'message')}, {size(done.nbytes)}{rate}")
    return 0


def _listener(arguments: argparse.Namespace) -> Listener:
    """The connection to what is captured."""
    from beamloom.errors import UsageError, UserError
    from beamloom.probing.choosing import listen, unreadable
    from beamloom.probing.greeting import Peer
    from beamloom.probing.listening import Listener

    pattern = _given_pattern(arguments)
    if pattern is None:
        found = listen(arguments.url, min(ASK_SECONDS, arguments.seconds or ASK_SECONDS))
        if isinstance(found, Peer):
            raise UserError(unreadable(arguments.url, found))
        return found
    try:
        return Listener(arguments.url, pattern)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _given_pattern(arguments: argparse.Namespace) -> int | None:
    """The ZeroMQ pattern by --pattern or --device; None where the socket is to be asked."""
    import zmq

    from beamloom.devices.registry import find_device
    from beamloom.errors import UsageError
    from beamloom.probing.readers import device_reader

    if arguments.pattern is not None:
        return int(getattr(zmq, arguments.pattern.upper()))
    if arguments.device is None:
        return None
    reader = device_reader(find_device(arguments.device))
    if reader is None:
        raise UsageError(
            f"the device {arguments.device!r} does not send over ZeroMQ, and captures hold ZeroMQ messages; record a run of a "
            "pipeline with it instead"
        )
    return reader.pattern


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or the end of the session has come: the file has to be closed properly."""
    called = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield called.is_set
        return
    before = {
        number: signal.signal(number, lambda *_: called.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield called.is_set
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _progress(stream: TextIO) -> Callable[[CaptureProgress], None]:
    """Writes a line of progress: over the last on a terminal, elsewhere every few seconds."""
    from beamloom.probing.text import count, size

    interval = DRAW_SECONDS if stream.isatty() else LINE_SECONDS
    next_at = time.monotonic() + interval

    def show(progress: CaptureProgress) -> None:
        nonlocal next_at
        if time.monotonic() < next_at:
            return
        next_at = time.monotonic() + interval
        line = (
            f"{count(progress.messages, 'message')}, {size(progress.nbytes)}, {progress.rate:.4g} per second"
        )
        if progress.problem is not None:
            line += f"; {progress.problem}"
        stream.write(f"\r\x1b[K{line[:150]}" if stream.isatty() else f"{line}\n")
        stream.flush()

    return show


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = kind(text)
        if not number > 0:
            raise argparse.ArgumentTypeError(f"{text} is not more than 0")
        return number

    read.__name__ = f"positive {kind.__name__}"
    return read
