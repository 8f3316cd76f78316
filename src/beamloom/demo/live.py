"""The demo's scan: simulated devices, a pipeline of real processes between them and us, and nothing left of either at the end."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from beamloom.demo import http_client
from beamloom.demo.check import measured_maps
from beamloom.demo.sample import Picture, Sample
from beamloom.devices import contrast, xspress3
from beamloom.devices.player import ZmqPlayer
from beamloom.errors import UserError
from beamloom.pipeline_file import read_pipeline
from beamloom.placement import LocalPlacement, State
from beamloom.triggermap import uniform

STREAMS: Final = ("contrast", "xspress3")
WORKERS: Final = 2
READY_SECONDS: Final = 60.0
PATIENCE: Final = 20.0
"""Seconds in which no event is settled, after which the scan is given up."""
LOOK_SECONDS: Final = 0.2
"""Between two looks at the run."""
TURN_SECONDS: Final = 0.05
"""Longest wait in which we do not notice that we are told to end."""
RATE_WINDOW: Final = 1.0
"""Seconds over which the rate is taken."""
LAST_LINES: Final = 10
"""Of the output of a process that failed."""


class DemoError(UserError):
    """The demo did not get to its end."""


@dataclass(frozen=True)
class Moment:
    """A run at one moment, as the controller and the reducer tell it."""

    total: int
    reduced: int
    failed: int
    lost: int
    finished: bool
    rate: float
    """Events per second, lately."""
    maps: dict[str, Picture]
    """Counts by element; NaN where the scan has not been."""

    @property
    def settled(self) -> int:
        """Events whose fate is known."""
        return self.reduced + self.failed + self.lost

    @property
    def whole(self) -> bool:
        """Whether the run is over and every event was reduced."""
        return self.finished and self.total > 0 and self.reduced == self.total


class LiveScan:
    """Simulators of the two devices, and the pipeline that listens to them, ready to be armed.

    ``stopped`` is asked often; when it says so, the methods raise KeyboardInterrupt.
    """

    def __init__(
        self,
        sample: Sample,
        players: Sequence[ZmqPlayer],
        threads: ThreadPoolExecutor,
        up: LocalPlacement,
        stopped: Callable[[], bool],
    ) -> None:
        self.sample = sample
        self.controller_url = up.controller_url
        self.reducer_url = up.reducer_url
        self.processes = len(up.layout.processes)
        self._players = players
        self._threads = threads
        self._playing: list[Future[int]] = []
        self.placement = up
        self._stopped = stopped
        self._settled: deque[tuple[float, int]] = deque()
        self._run = ""

    def wait_ready(self) -> float:
        """Return when all processes take part: after how many seconds. Raises PlacementError."""
        begin = time.monotonic()
        if not self.placement.wait_ready(READY_SECONDS, self._stopped):
            raise KeyboardInterrupt
        return time.monotonic() - begin

    def arm(self) -> float:
        """Tell the controller what belongs together; returns how many seconds that took."""
        begin = time.monotonic()
        scan = uniform(STREAMS, self.sample.points).to_json()
        self._run = http_client.post(self.controller_url, "/api/v1/sequence", scan)
        return time.monotonic() - begin

    def play(self, rate: float) -> None:
        """Let the devices send, ``rate`` points per second; does not wait for them."""
        positions, spectra = self.sample.positions(), self.sample.spectra()
        messages = (
            contrast.generate(positions=positions, motors=("y", "x"), exposure=1 / rate),
            xspress3.generate(spectra=spectra, exptime=1 / rate),
        )
        self._playing = [
            self._threads.submit(_play, player, series, rate)
            for player, series in zip(self._players, messages, strict=True)
        ]

    def watch(self) -> Iterator[Moment]:
        """The run now, and again and again until it has finished. Raises DemoError when it stands still, or a process is given up."""
        last_change = time.monotonic()
        settled = -1
        while True:
            begin = time.monotonic()
            for future in self._playing:
                if future.done():
                    future.result()
            moment = self._look()
            if moment is not None:
                if moment.settled != settled or moment.finished:
                    settled, last_change = moment.settled, begin
                yield moment
                if moment.finished:
                    return
            self._refuse_given_up()
            if begin - last_change > PATIENCE:
                raise DemoError(f"no event came through in {PATIENCE:g} s\n{self.story()}".rstrip())
            self.pause(LOOK_SECONDS)

    def pause(self, seconds: float = float("inf")) -> None:
        """Wait. Raises KeyboardInterrupt when told to end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopped():
                raise KeyboardInterrupt
            time.sleep(min(left, TURN_SECONDS))

    def restarted(self) -> list[str]:
        """Names of the processes that died and were started again."""
        return [status.name for status in self.placement.status() if status.restarts]

    def story(self) -> str:
        """What went wrong in the processes, for people: errors of the analysis, and the last lines of those that died; maybe nothing."""
        lines: list[str] = []
        with contextlib.suppress(http_client.NoAnswer, http_client.Refused):
            for error in http_client.get(self.controller_url, "/api/v1/errors"):
                lines += [f"{error['count']} events failed in {error['where']}:", error["traceback"].rstrip()]
            for loss in http_client.get(self.controller_url, "/api/v1/progress")["losses"]:
                lines.append(f"lost are the events {loss['events']}: {loss['cause']}")
        for status in self.placement.status():
            if status.restarts or status.state is State.GIVEN_UP:
                lines.append(f"{status.name} died and was started again; the end of its output is:")
                lines += [f"    {line}" for line in self.placement.output(status.name)[-LAST_LINES:]]
        return "\n".join(lines)

    def _refuse_given_up(self) -> None:
        for status in self.placement.status():
            if status.state is State.GIVEN_UP:
                raise DemoError(self.placement.last_words(status))

    def _look(self) -> Moment | None:
        """The run now; None while the controller does not answer."""
        try:
            progress = http_client.get(self.controller_url, "/api/v1/progress")
            points = self._points()
        except http_client.NoAnswer:
            return None
        if progress["run"] != self._run:
            raise DemoError(f"the controller knows no more of the run {self._run}\n{self.story()}".rstrip())
        return Moment(
            total=progress["total_events"],
            reduced=progress["reduced"],
            failed=progress["failed"],
            lost=progress["lost"],
            finished=progress["finished"],
            rate=self._rate(progress["completed_events"]),
            maps=measured_maps(self.sample, points),
        )

    def _points(self) -> dict[tuple[float, float], Any]:
        """The map as the reducer publishes it at this moment; empty while there is none."""
        try:
            published = http_client.get(self.reducer_url, "/api/v1/result/$.map")
        except http_client.Refused as refused:
            if refused.status in (404, 503):
                return {}
            raise
        columns = published[0]
        xs, ys = columns.pop("key_0", []), columns.pop("key_1", [])
        rows = zip(*columns.values(), strict=True)
        return {
            (x, y): dict(zip(columns, counts, strict=True)) for x, y, counts in zip(xs, ys, rows, strict=True)
        }

    def _rate(self, settled: int) -> float:
        now = time.monotonic()
        self._settled.append((now, settled))
        while len(self._settled) > 2 and now - self._settled[1][0] >= RATE_WINDOW:
            self._settled.popleft()
        (before, first), (_, last) = self._settled[0], self._settled[-1]
        return (last - first) / (now - before) if now > before else 0.0


@contextlib.contextmanager
def live_scan(
    sample: Sample, *, record: Path | None = None, stopped: Callable[[], bool] = lambda: False
) -> Iterator[LiveScan]:
    """Start everything, and end everything again. ``record``: a folder for the recording of the run."""
    with contextlib.ExitStack() as stack:
        # Left last: its threads end once their player is closed.
        threads = stack.enter_context(ThreadPoolExecutor(len(STREAMS), thread_name_prefix="player"))
        players = [device.simulator("tcp://127.0.0.1:*") for device in (contrast, xspress3)]
        for player in players:
            stack.callback(player.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="beamloom-demo-")))
        file = folder / "pipeline.yaml"
        file.write_text(_pipeline(players, record))
        up = stack.enter_context(LocalPlacement(read_pipeline(file), quiet=True))
        yield LiveScan(sample, players, threads, up, stopped)


def _pipeline(players: Sequence[ZmqPlayer], record: Path | None) -> str:
    """The pipeline file, with free ports everywhere."""
    content: dict[str, Any] = {
        "name": "demo",
        "streams": {
            name: {"device": name, "url": player.url} for name, player in zip(STREAMS, players, strict=True)
        },
        "workers": {"class": "beamloom.demo.analysis:Worker", "count": WORKERS},
        "reducer": {"class": "beamloom.demo.analysis:Reducer", "http": "127.0.0.1:0"},
        "controller": {"http": "127.0.0.1:0"},
    }
    if record is not None:
        content["recording"] = {"prefix": f"{record.resolve()}/"}
    return yaml.safe_dump(content, sort_keys=False)


def _play(player: ZmqPlayer, messages: Any, rate: float) -> int:
    player.wait_for_client(READY_SECONDS)
    return player.play(messages, rate=rate)
