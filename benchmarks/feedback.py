"""How long it takes from an event that decides something until those who steer know it.

A pipeline of real processes with default settings, a detector that sends a few frames a second, and a reducer that says something with each
event. Measured is the time from the call of ``self.feedback`` to the program that follows it (client, server-sent events, WebSocket), and
from the moment at which the frame was due. Prints a table and one JSON line. A 95th percentile above 50 ms is too much.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import requests
from bench_pipeline import BenchPipeline
from websockets.sync.client import connect as connect_socket

import beamloom

EVENTS = 300
RATE = 20.0
"""Frames per second: slow enough that each event is decided by itself."""
SETTLE_SECONDS = 3.0
MOST_P95 = 0.05
"""Seconds."""
PATIENCE = 60.0

Heard = dict[int, tuple[float, float]]
"""By number, seconds since it was said and since its frame was due."""
Piece = tuple[int, float, int]
"""Number, when it was said (Unix time, s) and when its frame was due (monotonic, ns)."""


def piece_of(one: dict[str, Any]) -> Piece:
    """Of what the API tells."""
    return one["number"], one["at"], one["payload"]["due"]


def by_client(url: str, run: str) -> Iterator[Piece]:
    """Each piece, as ``connect(url).feedback()`` gives them."""
    with beamloom.connect(url) as pipeline:
        for one in pipeline.feedback(run=run):
            yield one.number, one.at, one.payload["due"]


def by_events(url: str, run: str) -> Iterator[Piece]:
    """The same of server-sent events."""
    with requests.get(f"{url}/api/v1/feedback/stream?run={run}", stream=True, timeout=PATIENCE) as answer:
        for line in answer.iter_lines(chunk_size=1):
            if line.startswith(b"data: ") and b'"kind"' in line:
                yield piece_of(msgspec.json.decode(line[6:]))


def by_socket(url: str, run: str) -> Iterator[Piece]:
    """The same of the WebSocket."""
    address = f"ws{url.removeprefix('http')}/api/v1/feedback/stream?run={run}"
    with connect_socket(address, proxy=None) as socket:
        for text in socket:
            one = msgspec.json.decode(text)
            if one["type"] == "feedback":
                yield piece_of(one)


WAYS: dict[str, Callable[[str, str], Iterator[Piece]]] = {
    "connect(url).feedback()": by_client,
    "server-sent events": by_events,
    "WebSocket": by_socket,
}


def follow(url: str, run: str, way: str, heard: Heard) -> None:
    """Note when each piece is heard, until the run is over."""
    for number, said, due in WAYS[way](url, run):
        heard[number] = (time.time() - said, (time.monotonic_ns() - due) / 1e9)


def measure(events: int, rate: float) -> dict[str, Heard]:
    """One run that all ways follow at once."""
    with BenchPipeline(1, 2, 2048, analysis="feedback_analysis") as pipeline:
        pipeline.arm(events)
        run, url = pipeline.get("progress")["run"], pipeline.placement.controller_url
        heard: dict[str, Heard] = {way: {} for way in WAYS}
        threads = [
            threading.Thread(target=follow, args=(url, run, way, heard[way]), daemon=True) for way in WAYS
        ]
        for thread in threads:
            thread.start()
        # Who follows is there before there is something to hear: what is measured is not how long a program takes to start.
        time.sleep(SETTLE_SECONDS)
        pipeline.send(events, rate=rate)
        for thread in threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                raise SystemExit("somebody who follows the feedback has not seen the end of the run")
    return heard


def figures(delays: list[float]) -> dict[str, float]:
    """Percentiles in seconds."""
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94], "worst": max(delays)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rate", type=float, default=RATE, help="frames per second")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    print(f"{'':26}{'since':12}{'p50':>10}{'p95':>10}{'worst':>10}")
    for way, heard in measure(arguments.events, arguments.rate).items():
        if len(heard) != arguments.events:
            raise SystemExit(f"{way}: {len(heard)} pieces were heard of {arguments.events}")
        said, due = zip(*heard.values(), strict=True)
        found[way] = {"said": figures(list(said)), "frame": figures(list(due))}
        for since, one in found[way].items():
            times = "".join(f"{1000 * one[name]:7.1f} ms" for name in ("p50", "p95", "worst"))
            print(f"{way:26}{since:12}{times}")
    print(json.dumps({"feedback": found}))
    slow = [way for way, one in found.items() if one["frame"]["p95"] > MOST_P95]
    if slow:
        raise SystemExit(f"too slow: {', '.join(slow)}")


if __name__ == "__main__":
    main()
