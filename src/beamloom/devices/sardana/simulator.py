"""Posts as Sardana's recorder does."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from beamloom.devices.simulating.pace import Pace


class SardanaRecorder:
    """Posts as Sardana's recorder does. A message is a route and a body: ``[b"/v1/record_data", b"{...}"]``."""

    def __init__(self, url: str) -> None:
        """``url`` is where a stream will listen; for port 0 a free one is chosen."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "tcp") or not parts.hostname:
            raise ValueError(f"a simulator cannot post to {url!r}; write it like http://127.0.0.1:8000")
        host = "127.0.0.1" if parts.hostname == "0.0.0.0" else parts.hostname
        port = 0 if parts.netloc.endswith(":*") else parts.port or 0
        if not port:
            with socket.create_server((host, 0)) as free:
                port = free.getsockname()[1]
        self._address = (host, port)
        self._closed = False
        self.answers: list[dict[str, Any]] = []
        """What the stream answered to the last messages that were played."""

    @property
    def url(self) -> str:
        """Where the stream has to listen."""
        return f"http://{self._address[0]}:{self._address[1]}"

    def wait_for_client(self, timeout: float) -> None:
        """Return when the stream listens; raises TimeoutError after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while True:
            try:
                socket.create_connection(self._address, timeout).close()
            except OSError:
                if time.monotonic() > end:
                    raise TimeoutError(f"nothing listens at {self.url} within {timeout:g} s") from None
                time.sleep(0.01)
            else:
                return

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        """Post the messages, at most ``rate`` points per second; returns how many were posted."""
        self.answers = []
        pace = None if rate is None else Pace(rate, time.sleep)
        for route, body in messages:
            if self._closed:
                break
            if pace is not None and route == b"/v1/record_data":
                pace.wait()
            self.answers.append(self._post(route.decode(), body))
        return len(self.answers)

    def _post(self, route: str, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + route, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer: dict[str, Any] = msgspec.json.decode(response.read())
        except urllib.error.HTTPError as error:
            with error:
                answer = {"status": error.code, **msgspec.json.decode(error.read())}
        return answer

    def close(self) -> None:
        """Post no more. May be called twice."""
        self._closed = True


def generate(
    *,
    points: int = 11,
    positions: Iterable[float] | None = None,
    motor: str = "tom_ry",
    channel: str = "tango://127.0.0.1:10000/expchan/diode/1",
    serialno: int = 1,
    scandir: str = "/data/raw/sample",
    first_point: int = 0,
    numbered: bool = True,
    ended: bool = True,
) -> Iterator[list[bytes]]:
    """A scan: description, a post for each of ``positions`` (``points`` of them in steps of 18 degrees), end.

    Each point has the position of ``motor`` and the reading of ``channel``, which is twice the position.
    """
    angles = [18.0 * step for step in range(points)] if positions is None else list(positions)
    columns = [
        {"name": "point_nb", "label": "#Pt No", "dtype": "int64", "shape": []},
        {"name": motor, "label": motor, "dtype": "float64", "shape": [], "is_reference": True},
        {"name": channel, "label": "diode", "dtype": "float64", "shape": []},
    ]
    description = {
        "serialno": serialno,
        "scandir": scandir,
        "title": f"ascan {motor} {len(angles)} points",
        "column_desc": columns,
        "ref_moveables": [motor],
    }
    yield [b"/v1/data_desc", msgspec.json.encode(description)]
    for index, angle in enumerate(angles):
        point = {"point_nb": first_point + index} if numbered else {}
        record = {"timestamp": 0.1 * (index + 1), **point, channel: 2 * angle, motor: angle}
        yield [b"/v1/record_data", msgspec.json.encode(record)]
    if ended:
        yield [b"/v1/record_end", b'{"endtime":"Mon Oct 28 15:02:41 2024","deadtime":4.8}']
