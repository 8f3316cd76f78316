"""What is wrong with the setting of a pipeline file on this machine: ports, classes, devices, disks; whether or not it runs.

Nothing is taken from a device: it is greeted and left before it counts us as a reader. Classes are imported in a process of their own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import zmq

from beamloom.devices.registry import find_device
from beamloom.devices.zeromq import OverZeroMq, ZmqSource
from beamloom.doctor.finding import Finding, Gravity, size
from beamloom.doctor.ports import holder, is_taken
from beamloom.errors import UserError
from beamloom.pipeline_file import Pipeline, host_and_port
from beamloom.probing.greeting import greet
from beamloom.settings import StreamSettings
from beamloom.transport.free_space import free_bytes
from beamloom.transport.interfaces import address_at

IMPORT_SECONDS = 60.0
GREET_SECONDS = 1.0
DISK_LOW = 2_000_000_000
_IMPORT = """
import sys
from beamloom.analysis import load_class
from beamloom.errors import UserError
try:
    load_class(sys.argv[1], sys.argv[2])
except UserError as error:
    sys.exit(str(error).partition("\\n")[0])
"""


def of_setup(pipeline: Pipeline, *, runs: bool) -> Iterator[Finding]:
    """All that is wrong; ``runs``: its controller answers, so that its ports are its own."""
    if not runs:
        yield from ports(pipeline)
    yield from classes(pipeline)
    for stream, settings in pipeline.streams.items():
        yield from device(stream, settings)
    yield from disk(pipeline)


def ports(pipeline: Pipeline) -> Iterator[Finding]:
    """A port that the pipeline is to listen on is taken, or is on no interface of this machine."""
    wanted = {
        "the controller's HTTP API": pipeline.controller.http,
        "the controller's mailbox": pipeline.controller.mailbox,
        "the reducer's results": pipeline.reducer.http,
    }
    if pipeline.debugworker is not None:
        wanted["the debug worker"] = pipeline.debugworker.http
    for purpose, address in wanted.items():
        host, port = host_and_port(address)
        if port == 0:
            continue
        try:
            taken = is_taken(address_at(host), port)
        except (OSError, UserError) as error:
            yield Finding(
                "no-such-interface",
                address,
                f"{address}, where {purpose} should be, cannot be listened on: {getattr(error, 'strerror', None) or error}",
                "name an address or interface of this machine in the pipeline file, 127.0.0.1 or 0.0.0.0",
            )
            continue
        if taken:
            yield Finding(
                "port-taken",
                address,
                f"port {port}, where {purpose} should be, is taken by {holder(port) or 'another process'}",
                "end that process, or name another port in the pipeline file",
            )


def classes(pipeline: Pipeline) -> Iterator[Finding]:
    """A class of the analysis cannot be imported."""
    wanted = [group.worker_class for group in pipeline.worker_groups] + [pipeline.reducer.reducer_class]
    if pipeline.debugworker is not None and pipeline.debugworker.worker_class is not None:
        wanted.append(pipeline.debugworker.worker_class)
    for reference in dict.fromkeys(wanted):
        problem = import_problem(reference, pipeline.analysis)
        if problem is not None:
            yield Finding(
                "code-not-usable",
                reference,
                f"{reference} cannot be imported: {problem}",
                "correct the class, install what it needs, or correct 'class' and 'analysis' in the pipeline file",
            )


def import_problem(reference: str, folder: str) -> str | None:
    """Why a class cannot be imported, in a sentence."""
    words: Sequence[str] = (sys.executable, "-P", "-c", _IMPORT, reference, folder)
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"importing takes longer than {IMPORT_SECONDS:g} s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"the process ended with status {done.returncode}"])[-1]


def device(stream: str, settings: StreamSettings) -> Iterator[Finding]:
    """Nobody listens at the address of a device, or somebody who speaks otherwise."""
    url = str(settings.options.get("url", ""))
    if not url.startswith(("tcp://", "ipc://")):
        return
    try:
        found = find_device(settings.device)
        source = found.source(msgspec.convert(settings.options, found.settings))
    except (UserError, ValueError) as error:
        yield Finding(
            "device-not-ready",
            stream,
            f"stream {stream!r}: {error}",
            "correct its entry in the pipeline file",
        )
        return
    connection = source.connection if isinstance(source, OverZeroMq) else source
    if not isinstance(connection, ZmqSource):
        return
    try:
        peer = greet(url, GREET_SECONDS)
    except ValueError as error:
        yield Finding(
            "device-not-ready", stream, f"stream {stream!r}: {error}", "correct its url in the pipeline file"
        )
        return
    if peer is None:
        yield Finding(
            "device-away",
            stream,
            f"nobody listens at {url}, where the device of stream {stream!r} should be",
            f"switch the device on, or correct the url; 'beamloom probe {url}' looks closer, "
            f"'beamloom simulate {settings.device}' stands in for it",
        )
    elif not peer.zeromq:
        yield Finding(
            "device-speaks-otherwise",
            stream,
            f"what answers at {url} speaks no ZeroMQ, as the device of stream {stream!r} should ({urlsplit(url).port})",
            "correct the port, or the device of this stream",
        )
    elif peer.read_by not in (None, connection.pattern):
        wanted = zmq.SocketType(connection.pattern).name
        yield Finding(
            "device-speaks-otherwise",
            stream,
            f"at {url} there is a {peer.socket_type} socket, which the device {settings.device!r} of stream {stream!r} "
            f"cannot be: it is read by {wanted}",
            f"correct the device of this stream; 'beamloom probe {url}' finds out which it is",
        )


def disk(pipeline: Pipeline) -> Iterator[Finding]:
    """Where runs are recorded there is little room."""
    if pipeline.recording is None:
        return
    folder = Path(pipeline.recording.prefix).parent
    free = free_bytes(folder)
    if free is not None and free < int(pipeline.settings.get("disk_low", DISK_LOW)):
        yield Finding(
            "disk-nearly-full",
            str(folder),
            f"{size(free)} are free where runs are recorded ({folder})",
            "remove what is not needed, or name another folder",
            gravity=Gravity.WARNING,
        )
