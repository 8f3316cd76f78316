"""What readers cost a reducer, and how soon they see its results.

A real reducer process is sent results over ZeroMQ, as workers send them; each changes one of ten images of 1 MB and adds a row to a
million.

- readers: rate of results with and without 50 readers of these images (uncompressed) in another process; rounds with and without
  alternate. Once at 500 results per second, once as fast as the reducer takes them.
- latency: from the return of ``process_result`` to the value in an HTTP client that waits for each change (``?wait=``), at 1 kHz,
  with one image (1 MB) that changes all the time, and with ten.
- slice: one request for ``[-1000:]`` of the million rows, while the reducer takes 500 results per second and one image changes.

    python benchmarks/results.py [--quick] [--json] [--only readers|latency|slice]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import select
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import results_analysis
from results_analysis import ROWS

from beamloom.services.worker.outbox import Outbox
from beamloom.transport.codec import encode
from beamloom.transport.messages import CONTROLLER, Arm, Armed, Finish, Finished, Register, Taken, Welcome
from beamloom.transport.zeromq import ZmqChannel

HERE = Path(__file__).resolve().parent
READERS = 50
CASES: list[tuple[str, float, float | None]] = [
    ("npy", 1.0, 500.0),
    ("npy", 10.0, 500.0),
    ("npy", 0.0, 500.0),
    ("json", 1.0, 500.0),
    ("json", 10.0, 500.0),
    ("npy", 1.0, None),
    ("npy", 10.0, None),
    ("json", 1.0, None),
]
"""Form, polls per second of each reader (0: without a pause), results per second (None: as many as the reducer takes)."""
CREDIT = 32
"""Batches that may be under way to the reducer."""
WAIT_SECONDS = 60.0


class Feeder:
    """Controller and worker of one reducer process."""

    def __init__(self, analysis: str) -> None:
        self._channel = ZmqChannel(CONTROLLER)
        port = self._channel.address.rsplit(":", 1)[1]
        code = (
            "from beamloom.services.reducer.process import serve; from beamloom.settings import ReducerSettings; "
            f"serve(ReducerSettings(name='reducer', controller='tcp://127.0.0.1:{port}', http_port=0, "
            f"reducer_class='results_analysis:{analysis}', analysis_path={str(HERE)!r}))"
        )
        self.process = subprocess.Popen([sys.executable, "-c", code])
        self._worker = ZmqChannel("worker@1")
        register, sender = self._await(Register)
        self._reducer = sender
        self.host, self.port = register.http.removeprefix("http://").split(":")
        self._channel.connect(sender, register.address)
        self._worker.connect(sender, register.address)
        self._channel.send(sender, Welcome())
        workers = {self._worker.peer: self._worker.address}
        self._channel.send(
            sender, Arm("run", (sender, register.address), workers, {}, 0, {}, None, WAIT_SECONDS)
        )
        armed, _ = self._await(Armed)
        if armed.problem:
            raise RuntimeError(armed.problem)
        self._outbox = Outbox(self._worker, sender, "run")
        self.sent = 0

    def _await(self, kind: type[Any]) -> tuple[Any, str]:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            for received in self._channel.receive(0.1):
                if isinstance(received.message, kind):
                    return received.message, received.sender
        raise TimeoutError(f"the reducer sent no {kind.__name__}")

    def _take_answers(self, timeout: float) -> None:
        self._channel.receive(0.0)
        for received in self._worker.receive(timeout):
            if isinstance(received.message, Taken):
                self._outbox.taken(received.sender, received.message.sequence)

    def feed(self, seconds: float, rate: float | None) -> float:
        """Send results for some time, at ``rate`` per second (None: as fast as they are taken); returns how many a second were taken."""
        begun, first = time.monotonic(), self.sent
        while (now := time.monotonic()) < begun + seconds:
            due = (now - begun) * rate - (self.sent - first) if rate else 1.0
            if self._outbox.unacknowledged >= CREDIT or due < 1:
                self._take_answers(0.0005 if rate else 0.01)
                continue
            self._outbox.add(0, self.sent, 0, [encode(self.sent).head])
            self._outbox.flush()
            self.sent += 1
            self._take_answers(0.0)
        while self._outbox.unacknowledged:
            self._take_answers(0.01)
        return (self.sent - first) / (time.monotonic() - begun)

    def finish(self) -> None:
        """End the run."""
        self._channel.send(self._reducer, Finish("run"))
        self._await(Finished)

    def close(self) -> None:
        """End the reducer."""
        self.process.terminate()
        self.process.wait()
        self._worker.close()
        self._channel.close()


@contextlib.contextmanager
def feeding(analysis: str = "Reducer") -> Iterator[Feeder]:
    """A reducer that is armed."""
    feeder = Feeder(analysis)
    try:
        yield feeder
    finally:
        feeder.close()


def cost_of_readers(
    form: str, polls: float, rate: float | None, rounds: int, seconds: float
) -> dict[str, Any]:
    """The reducer's rate with and without readers, medians of alternating rounds."""
    without, with_readers, got = [], [], []
    with feeding() as feeder:
        for _ in range(rounds):
            without.append(feeder.feed(seconds, rate))
            command = [sys.executable, str(HERE / "results_readers.py"), feeder.host, feeder.port]
            with subprocess.Popen(
                [*command, str(READERS), str(polls), form], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as readers:
                while not select.select([readers.stdout], [], [], 0)[0]:
                    feeder.feed(0.1, rate)
                with_readers.append(feeder.feed(seconds, rate))
                output, _ = readers.communicate()
            got.append(json.loads(output.splitlines()[-1]))
    falls = [100 * (1 - b / a) for a, b in zip(without, with_readers, strict=True)]
    return {
        "what": f"{READERS} readers, {form}, {f'{polls:g} polls/s each' if polls else 'without a pause'}",
        "asked_results_s": rate,
        "without_results_s": round(statistics.median(without)),
        "with_results_s": round(statistics.median(with_readers)),
        "fall_percent": round(statistics.median(falls), 1),
        "reads_s": round(statistics.median(one["reads_s"] for one in got)),
        "mb_s": round(statistics.median(one["mb_s"] for one in got)),
    }


class Waiter(threading.Thread):
    """Waits for each change of the last result, and notes when it came."""

    def __init__(self, host: str, port: str) -> None:
        super().__init__()
        self._http = http.client.HTTPConnection(host, int(port), timeout=WAIT_SECONDS)
        self.arrivals: list[tuple[int, float]] = []
        self.stopped = False

    def run(self) -> None:
        version = "0"
        while not self.stopped:
            self._http.request("GET", f"/api/v1/result/$.last?format=json&timeout=1&wait={version}")
            answer = self._http.getresponse()
            body = answer.read()
            version = answer.headers["X-Beamloom-Version"]
            if answer.status == 200:
                self.arrivals.append((int(json.loads(body)[0]), time.monotonic()))
        self._http.close()


def latency(analysis: str, rate: float, seconds: float) -> dict[str, Any]:
    """From ``process_result`` to the value in a client, over all results."""
    with feeding(analysis) as feeder:
        waiter = Waiter(feeder.host, feeder.port)
        waiter.start()
        reached = feeder.feed(seconds, rate)
        time.sleep(0.2)
        waiter.stopped = True
        waiter.join()
        feeder.finish()
        times = _values(feeder, "$.times")
    numbers = np.array([number for number, _ in waiter.arrivals])
    came = np.array([when for _, when in waiter.arrivals])
    seen_first = np.searchsorted(numbers, np.arange(len(times)))
    seen = seen_first < len(came)
    waited = 1000 * (came[seen_first[seen]] - times[seen])
    return {
        "what": f"process_result to HTTP client, {getattr(results_analysis, analysis).images} MB change",
        "results_s": round(reached),
        "p50_ms": round(float(np.percentile(waited, 50)), 1),
        "p95_ms": round(float(np.percentile(waited, 95)), 1),
        "answers_s": round(len(came) / seconds),
    }


def slices(rate: float, requests: int) -> dict[str, Any]:
    """Requests for the end of a million rows."""
    with feeding("OneImage") as feeder:
        feeding_on = threading.Thread(target=feeder.feed, args=(requests / 50 + 1, rate))
        feeding_on.start()
        connection = http.client.HTTPConnection(feeder.host, int(feeder.port), timeout=WAIT_SECONDS)
        times = []
        for _ in range(requests):
            time.sleep(0.02)
            begun = time.perf_counter()
            connection.request("GET", "/api/v1/result/$.rows.data?slice=-1000:&format=npy")
            connection.getresponse().read()
            times.append(1000 * (time.perf_counter() - begun))
        connection.close()
        feeding_on.join()
    return {
        "what": f"[-1000:] of {ROWS:,} rows",
        "p50_ms": round(float(np.percentile(times, 50)), 2),
        "p95_ms": round(float(np.percentile(times, 95)), 2),
    }


def _values(feeder: Feeder, path: str) -> Any:
    connection = http.client.HTTPConnection(feeder.host, int(feeder.port), timeout=WAIT_SECONDS)
    connection.request("GET", f"/api/v1/result/{path}?format=json")
    values = json.loads(connection.getresponse().read())[0]
    connection.close()
    return np.array(values)


def main() -> None:
    """Print a line for each measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="short rounds")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of text")
    parser.add_argument("--only", choices=["readers", "latency", "slice"])
    arguments = parser.parse_args()
    rounds, seconds = (3, 1.0) if arguments.quick else (10, 2.0)
    rows: list[dict[str, Any]] = []
    if arguments.only in (None, "readers"):
        for case in CASES:
            rows.append(cost_of_readers(*case, rounds, seconds))
    if arguments.only in (None, "latency"):
        rows += [latency(analysis, 1000.0, 5 * seconds) for analysis in ("OneImage", "Reducer")]
    if arguments.only in (None, "slice"):
        rows.append(slices(500.0, 100 if arguments.quick else 400))
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{name}: {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
