"""One specimen or more of each device, by name: what the conformance kit has to know of it."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from beamloom.devices import (
    adzmq,
    albaem,
    bluesky,
    contrast,
    dectris_v1,
    dectris_v2,
    generator,
    hdf5,
    image_files,
    jungfrau,
    karabo,
    lecroy,
    pandabox,
    pcap,
    pva,
    sardana,
    stins,
    xspress3,
)
from beamloom.devices.device import Simulator
from beamloom.devices.hdf5 import simulator as hdf5_simulator
from beamloom.devices.image_files import simulator as image_files_simulator
from beamloom.devices.pva import simulator as pva_simulator
from beamloom.devices.testing import Harm, Specimen
from support.ports import quiet_port

IN_PLACE: Final = frozenset({Harm.TRUNCATE, Harm.DAMAGE})
"""What a protocol without numbers can tell: the message is there and cannot be read."""


class PlainTcp:
    """A server that answers each client's line with OK and sends it whatever it is given."""

    def __init__(self, url: str) -> None:
        self._listener = socket.create_server(("127.0.0.1", quiet_port()))
        self._clients: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._welcome, name="plain TCP server")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def _welcome(self) -> None:
        while not self._closing.is_set():
            if not select.select([self._listener], [], [], 0.02)[0]:
                continue
            client, _ = self._listener.accept()
            client.settimeout(0.5)
            try:
                line = b""
                while not line.endswith(b"\n"):
                    received = client.recv(256)
                    if not received:
                        break
                    line += received
                client.sendall(b"OK\n")
            except OSError:
                client.close()
                continue
            with self._lock:
                self._clients.append(client)

    def wait_for_client(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not self._clients:
            if time.monotonic() > end:
                raise TimeoutError("nobody connected")
            time.sleep(0.001)

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        sent = 0
        for message in messages:
            with self._lock:
                clients = list(self._clients)
            for client in clients:
                if not self._send(client, b"".join(message)):
                    with self._lock:
                        self._clients.remove(client)
                    client.close()
            sent += 1
        return sent

    def _send(self, client: socket.socket, octets: bytes) -> bool:
        at = 0
        while at < len(octets):
            if self._closing.is_set():
                return False
            try:
                at += client.send(octets[at:])
            except TimeoutError:
                continue
            except OSError:
                return False
        return True

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._listener.close()
        with self._lock:
            for client in self._clients:
                client.close()


class InFolder:
    """A simulator of files that writes into a folder of its own, and takes it away in the end.

    Its name, which packets hold, is the same for all simulators of this process: what is sent twice is to be read alike.
    """

    def __init__(
        self, make: Callable[[str], Simulator], name: str, first: Sequence[Sequence[bytes]] = ()
    ) -> None:
        """``first`` is played before anything else that is played."""
        self._folder = Path(tempfile.gettempdir(), f"beamloom-specimen-{os.getpid()}")
        self._folder.mkdir()
        self._simulator = make(f"file://{self._folder}/{name}")
        self._first = list(first)
        self.wait_for_client = self._simulator.wait_for_client

    @property
    def url(self) -> str:
        return self._simulator.url

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        played = 0
        for message in messages:
            self._simulator.play(self._first)
            self._first.clear()
            played += self._simulator.play([message], rate=rate)
        return played

    def close(self) -> None:
        self._simulator.close()
        shutil.rmtree(self._folder)


def as_chunk(message: list[bytes]) -> list[bytes]:
    """Any frames as something that can be written to a file: what is no message of the simulator becomes a chunk of any bytes."""
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        header = msgspec.json.decode(message[0], type=HdfHeader)
        if len(message) == (2 if header.type == "image" else 1):
            return [msgspec.json.encode(header), *(blob or b"x" for blob in message[1:])]
    return [b'{"type":"image","frame":2}', b"".join(message)[:1000] or b"x"]


class HdfHeader(msgspec.Struct):
    """What the simulator of HDF5 needs to know of a message that does not begin the file."""

    type: Literal["image", "end"]
    frame: Annotated[int, msgspec.Meta(ge=0, lt=1000)] = 0
    end_time: str = ""


def as_file(message: list[bytes]) -> list[bytes]:
    """Any frames as a file in a folder."""
    name = message[0] if re.fullmatch(rb"image_\d{1,6}\.tif", message[0]) else b"image_000002.tif"
    return [name, b"".join(message[1:])]


def as_post(message: list[bytes]) -> list[bytes]:
    """Any frames as something that can be posted: a route, a body."""
    route = message[0] if re.fullmatch(rb"/v1/[a-z_]+", message[0]) else b"/v1/record_data"
    return [route, message[-1] if len(message) > 1 else b"{"]


def as_structure(message: list[bytes]) -> list[bytes]:
    """Any frames as something that a process variable can hold: what is no image becomes one whose pixels do not fill it."""
    try:
        header = msgspec.json.decode(message[0], type=PvaHeader)
        if len(message) == 2 and len(message[1]) == 2 * header.shape[0] * header.shape[1]:
            return message
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, IndexError):
        pass
    wrong = PvaHeader(0, [1, 3], "uint8", "none", 0.0, {})
    return [msgspec.json.encode(wrong), b"x"]


class PvaHeader(msgspec.Struct):
    """What the simulator of PV Access needs to know of an image."""

    unique_id: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
    shape: list[Annotated[int, msgspec.Meta(ge=0, lt=2**31)]]
    dtype: Literal["uint8", "uint16"]
    codec: Literal["none"]
    time_stamp: Annotated[float, msgspec.Meta(ge=0, lt=2**31)]
    attributes: dict[str, Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]]


SPECIMENS: Final[Mapping[str, Specimen]] = {
    "stins": Specimen(device=stins.DEVICE, series=lambda n: stins.generate(frames=n, shape=(4, 8))),
    "stins, counted from 1, not numbered from 0": Specimen(
        device=stins.DEVICE,
        series=lambda n: stins.generate(frames=n, shape=(4, 8), first_frame=1, first_msg_number=77),
    ),
    "contrast": Specimen(
        device=contrast.DEVICE,
        series=lambda n: contrast.generate(positions=[(i, -i) for i in range(n)]),
        recognises=IN_PLACE,
    ),
    "xspress3": Specimen(
        device=xspress3.DEVICE, series=lambda n: xspress3.generate(frames=n, channels=2, bins=16)
    ),
    "xspress3, three messages an image": Specimen(
        device=xspress3.DEVICE,
        series=lambda n: xspress3.generate(frames=n, channels=2, bins=16, multipart=False),
        messages_per_item=3,
    ),
    "albaem": Specimen(device=albaem.DEVICE, series=lambda n: albaem.generate(frames=n)),
    "pcap": Specimen(
        device=pcap.DEVICE,
        series=lambda n: pcap.generate(rows=5 * n, rows_per_message=5),
        packets_per_item=5,
    ),
    "lecroy": Specimen(
        device=lecroy.DEVICE,
        series=lambda n: lecroy.generate(sequences=n, burst=2, points=10),
        messages_per_item=4,
    ),
    "lecroy, continuous": Specimen(
        device=lecroy.DEVICE,
        series=lambda n: lecroy.generate(sequences=n, points=10, continuous=True),
        head=2,
        messages_per_item=3,
    ),
    "pandabox": Specimen(
        device=pandabox.DEVICE,
        series=lambda n: pandabox.generate(rows=n),
        recognises=frozenset({Harm.DAMAGE}),
        simulator=PlainTcp,
        # TCP loses no byte, so what ends a line is always there.
        carry=lambda message: [b"".join(message)[:-1] + b"\n"],
        recovers=False,
    ),
    "sardana": Specimen(
        device=sardana.DEVICE,
        series=lambda n: sardana.generate(positions=range(n)),
        settings={"scans_per_run": 0},
        bind="http://127.0.0.1:0",
        connects=False,
        carry=as_post,
        cleanup=sardana.LISTENERS.close,
    ),
    "karabo": Specimen(
        device=karabo.DEVICE,
        series=lambda n: karabo.generate(trains=n + 2, shape=(2, 3)),
        first_place=2,
        tail_packets=2,
        recovers=False,
    ),
    "adzmq": Specimen(
        device=adzmq.DEVICE,
        series=lambda n: adzmq.generate(frames=n + 2, shape=(2, 3)),
        first_place=2,
        tail_packets=2,
        recovers=False,
    ),
    "jungfrau": Specimen(
        device=jungfrau.DEVICE,
        series=lambda n: jungfrau.generate(frames=n + 2, shape=(2, 3)),
        first_place=2,
        tail=2,
        tail_packets=2,
        recovers=False,
    ),
    "pva": Specimen(
        device=pva.DEVICE,
        series=lambda n: pva_simulator.generate(frames=n + 2, shape=(2, 3)),
        settings={"queue": 1000},
        first_place=2,
        tail_packets=2,
        recovers=False,
        bind="pva://127.0.0.1:0/IMAGE",
        address="pva://127.0.0.1:{port}/IMAGE",
        carry=as_structure,
    ),
    "bluesky": Specimen(device=bluesky.DEVICE, series=lambda n: bluesky.generate(rows=n), head=2),
    "dectris_v1": Specimen(
        device=dectris_v1.DEVICE, series=lambda n: dectris_v1.generate(frames=n, shape=(8, 16))
    ),
    "dectris_v2": Specimen(
        device=dectris_v2.DEVICE, series=lambda n: dectris_v2.generate(frames=n, shape=(8, 16))
    ),
    "generator": Specimen(
        device=generator.DEVICE, series=lambda n: generator.generate(items=n, kind="spectra", shape=(2, 16))
    ),
    "hdf5": Specimen(
        device=hdf5.DEVICE,
        series=lambda n: hdf5_simulator.generate(frames=n, shape=(8, 16)),
        settings={"follow": True, "poll_seconds": 0.001},
        # What was never written leaves its place in the stack empty.
        recognises=frozenset({Harm.DROP}),
        recovers=False,
        connects=False,
        carry=as_chunk,
        simulator=lambda _: InFolder(
            hdf5.DEVICE.simulator, "run.h5", list(hdf5_simulator.generate(frames=0, shape=(8, 16)))[:1]
        ),
    ),
    "images": Specimen(
        device=image_files.DEVICE,
        series=lambda n: image_files_simulator.generate(frames=n + 2, shape=(3, 4)),
        settings={"follow": True, "renamed": True, "first_number": 1, "poll_seconds": 0.001},
        first_place=2,
        tail_packets=2,
        recognises=frozenset({Harm.DROP}),
        recovers=False,
        connects=False,
        carry=as_file,
        simulator=lambda _: InFolder(image_files.DEVICE.simulator, "*.tif"),
    ),
}
