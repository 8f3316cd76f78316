"""What one pipeline costs the other one, were their controllers threads of one process, and with a process each; and what the front costs.

A controller decides (see controller_store.py) as fast as it can while another one does the same, and while another one wakes up once a
millisecond, as one does that looks after a slow run. Then the controller of a pipeline is asked for its progress, with and without a
front before it. Rates are the best of several, as what else the machine does only takes from them; delays are medians.

    python benchmarks/side_by_side.py [--events 200000] [--samples 15]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
from controller_store import decide, new_run
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from beamloom.access import Access
from beamloom.control.front import Front, make_front
from beamloom.transport.http_server import HttpServer
from beamloom.triggermap import uniform

WAKE_SECONDS = 1e-3
STARTED_SECONDS = 1.0
QUESTIONS = 500


def busy(over: Callable[[], bool]) -> None:
    """A controller that decides until ``over``."""
    trigger_map = uniform(["camera", "encoder"], 50_000)
    while not over():
        decide(new_run(trigger_map), None, trigger_map)


def rate(events: int, samples: int) -> float:
    """Events that a controller decides in a second."""
    trigger_map = uniform(["camera", "encoder"], events)
    return max(events / decide(new_run(trigger_map), None, trigger_map) for _ in range(samples))


def delay(seconds: float = 3.0) -> float:
    """By how much a wake-up comes too late (s)."""
    late = []
    end = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        time.sleep(WAKE_SECONDS)
        late.append(time.perf_counter() - begun - WAKE_SECONDS)
    return statistics.median(late)


def _busy_process(over: Any) -> None:
    busy(over.is_set)


def measured(events: int, samples: int) -> dict[str, float]:
    """The rate and the delay of one controller alone, beside another in this process, and beside another in its own."""
    found = {"rate_alone": rate(events, samples), "delay_alone": delay()}
    over = threading.Event()
    thread = threading.Thread(target=busy, args=(over.is_set,))
    thread.start()
    found |= {"rate_one_process": rate(events, samples), "delay_one_process": delay()}
    over.set()
    thread.join()
    context = multiprocessing.get_context("spawn")
    done = context.Event()
    process = context.Process(target=_busy_process, args=(done,))
    process.start()
    time.sleep(STARTED_SECONDS)
    found |= {"rate_two_processes": rate(events, samples), "delay_two_processes": delay()}
    done.set()
    process.join()
    return found


def _serve(app: str, there: str, told: Any) -> None:
    """A server in a process of its own, which tells its address."""
    served: Any = Starlette(routes=[Route("/api/v1/progress", lambda request: Response(b"{}"))])
    if app == "front":
        served = make_front(Front({"a": there}))
    with HttpServer(served, access=Access(decided_behind=app == "front")) as server:
        told.send(server.url)
        told.recv()


def question_seconds() -> dict[str, float]:
    """The median time of a question, asked directly and through a front (s)."""
    context = multiprocessing.get_context("spawn")
    found, there, ends = {}, "", []
    for app in ("directly", "front"):
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(app, there, theirs))
        process.start()
        ends.append((process, ours))
        there = ours.recv()
        with httpx.Client(trust_env=False) as client:
            times = []
            for _ in range(QUESTIONS):
                begun = time.perf_counter()
                client.get(f"{there}/api/v1/progress").raise_for_status()
                times.append(time.perf_counter() - begun)
        found[f"asked_{app}"] = statistics.median(times)
    for process, ours in reversed(ends):
        ours.send("end")
        process.join()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--samples", type=int, default=15)
    arguments = parser.parse_args()
    found = measured(arguments.events, arguments.samples) | question_seconds()
    for case in ("alone", "one_process", "two_processes"):
        share = found[f"rate_{case}"] / found["rate_alone"]
        words = case.replace("_", " ")
        print(
            f"{words:<15}{found[f'rate_{case}']:>12,.0f} events/s ({share:.0%})  wakes up late by {found[f'delay_{case}'] * 1e3:.2f} ms"
        )
    print(
        f"a question: {found['asked_directly'] * 1e3:.2f} ms, through the front {found['asked_front'] * 1e3:.2f} ms"
    )
    print(json.dumps({name: round(value, 6) for name, value in found.items()}))


if __name__ == "__main__":
    main()
