"""A process variable that holds images, as areaDetector's plugin NDPluginPva serves them.

Like the plugin it does not wait for its readers: one that is slower than the images loses some of them.
"""

from __future__ import annotations

import importlib
import io
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from beamloom.devices.codecs import pack
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import Image, pixel_type
from beamloom.devices.simulating.pace import Pace
from beamloom.errors import UsageError

_ADDRESS: Final = re.compile(r"(?:pva|tcp)://(?P<host>[^\s/:]+):(?P<port>\d{1,5}|\*)(?:/(?P<pv>[^\s/]+))?")
_UNION_MEMBERS: Final[Mapping[str, str]] = {
    "bool": "booleanValue",
    "int8": "byteValue",
    "int16": "shortValue",
    "int32": "intValue",
    "int64": "longValue",
    "uint8": "ubyteValue",
    "uint16": "ushortValue",
    "uint32": "uintValue",
    "uint64": "ulongValue",
    "float32": "floatValue",
    "float64": "doubleValue",
}


class PvaSimulator:
    """Serves one process variable at ``url``, ``pva://127.0.0.1:0/BEAMLOOM:SIM:IMAGE``; port 0 picks a free one.

    Its messages are a JSON header and the pixels, as ``generate`` makes them. Raises UsageError without the package p4p.
    """

    def __init__(self, url: str) -> None:
        found = _ADDRESS.fullmatch(url)
        if found is None:
            raise ValueError(
                f"a simulator cannot serve at {url!r}; write it like pva://127.0.0.1:0/BEAMLOOM:SIM:IMAGE"
            )
        try:
            server, raw, nt = map(importlib.import_module, ("p4p.server", "p4p.server.raw", "p4p.nt"))
        except ModuleNotFoundError:
            raise UsageError(
                "simulating EPICS needs the package p4p, which is not installed; install it with pip install 'beamloom[epics]'"
            ) from None
        self._listened_to = threading.Event()
        self._closing = threading.Event()
        self._type = nt.NTNDArray().type
        self._value = importlib.import_module("p4p").Value
        self._variable = raw.SharedPV(initial=self._value(self._type), handler=_Audience(self._listened_to))
        host, port = found["host"], found["port"].replace("*", "0")
        name = found["pv"] or "BEAMLOOM:SIM:IMAGE"
        conf = {
            "EPICS_PVAS_INTF_ADDR_LIST": host,
            "EPICS_PVAS_SERVER_PORT": port,
            "EPICS_PVAS_BROADCAST_PORT": "0",
            "EPICS_PVAS_AUTO_BEACON_ADDR_LIST": "NO",
            "EPICS_PVAS_BEACON_ADDR_LIST": "",
        }
        self._server = server.Server(providers=[{name: self._variable}], conf=conf, useenv=False)
        bound = self._server.conf()["EPICS_PVAS_SERVER_PORT"]
        self._url = f"pva://{host.replace('0.0.0.0', '127.0.0.1')}:{bound}/{name}"

    @property
    def url(self) -> str:
        """The process variable and its server, with the port that was really bound."""
        return self._url

    def wait_for_client(self, timeout: float) -> None:
        """Return when somebody monitors; raises TimeoutError after ``timeout`` seconds."""
        if not self._listened_to.wait(timeout):
            raise TimeoutError(f"nobody monitored {self._url} within {timeout:g} s")

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        """Put one image after the other into the process variable, at most ``rate`` per second; returns how many."""
        played = 0
        pace = None if rate is None else Pace(rate, self._closing.wait)
        for header, pixels in messages:
            if pace is not None:
                pace.wait()
            if self._closing.is_set():
                break
            self._variable.post(self._structure(msgspec.json.decode(header), pixels))
            played += 1
        return played

    def _structure(self, header: Mapping[str, Any], pixels: bytes) -> Any:
        packed = header["codec"] != "none"
        dtype = "uint8" if packed else header["dtype"]
        seconds = float(header["time_stamp"])
        size = int(np.prod(header["shape"])) * pixel_type(header["dtype"]).itemsize
        whole = int(seconds)
        stamp = {"secondsPastEpoch": whole, "nanoseconds": round((seconds - whole) * 1e9)}
        codec = (
            {"name": header["codec"], "parameters": list(_UNION_MEMBERS).index(header["dtype"])}
            if packed
            else {}
        )
        return self._value(
            self._type,
            {
                "value": (_UNION_MEMBERS[dtype], np.frombuffer(pixels, dtype)),
                "codec": codec,
                "compressedSize": len(pixels),
                "uncompressedSize": size,
                "uniqueId": header["unique_id"],
                "dataTimeStamp": stamp,
                "timeStamp": stamp,
                "dimension": [
                    {"size": length, "fullSize": length, "binning": 1} for length in header["shape"][::-1]
                ],
                "attribute": [{"name": name, "value": value} for name, value in header["attributes"].items()],
            },
        )

    def close(self) -> None:
        """Take the process variable away. May be called twice."""
        if not self._closing.is_set():
            self._closing.set()
            self._server.stop()
            self._variable.close(destroy=True)


class _Audience:
    """Is told by p4p who monitors the process variable."""

    def __init__(self, listened_to: threading.Event) -> None:
        self._listened_to = listened_to

    def onFirstConnect(self, variable: Any) -> None:  # noqa: N802
        """Somebody monitors."""
        self._listened_to.set()

    def onLastDisconnect(self, variable: Any) -> None:  # noqa: N802
        """Nobody does any more."""
        self._listened_to.clear()


def generate(
    *,
    frames: int = 10,
    shape: Sequence[int] = (16, 64),
    dtype: str = "uint16",
    images: Iterable[Image] | None = None,
    first_id: int = 1,
    codec: str = "none",
    color_mode: int = 0,
    attributes: Mapping[str, Any] | None = None,
    begun: float = 1_700_000_000.0,
    period: float = 0.1,
) -> Iterator[list[bytes]]:
    """Images: ``images``, or ``frames`` of ``shape`` and ``dtype`` whose pixels all are the index of the image.

    ``codec`` is ``none``, ``lz4``, ``bslz4`` or ``jpeg`` (needs pillow). The first was taken at ``begun``, in seconds since 1970, each
    further one ``period`` seconds later.
    """
    pixels = pixel_type(dtype)
    pictures = (
        (np.full(tuple(shape), index).astype(pixels) for index in range(frames)) if images is None else images
    )
    for index, picture in enumerate(pictures):
        header = {
            "unique_id": first_id + index,
            "shape": list(picture.shape),
            "dtype": picture.dtype.name,
            "codec": codec,
            "time_stamp": begun + index * period,
            "attributes": {"ColorMode": color_mode, **(attributes or {})},
        }
        yield [msgspec.json.encode(header), _packed(picture, codec)]


def _packed(picture: Image, codec: str) -> bytes:
    match codec:
        case "none":
            return picture.tobytes()
        case "lz4":
            return pack(picture, "lz4-block")
        case "bslz4":
            return pack(picture, "bslz4-bare")
        case "jpeg":
            file = io.BytesIO()
            importlib.import_module("PIL.Image").fromarray(picture).save(file, "JPEG", quality=95)
            return file.getvalue()
        case _:
            raise MalformedPacket(f"images are not packed with {codec!r} here")
