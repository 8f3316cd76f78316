"""A pipeline in this process, driven by a thread, behind its real HTTP API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import requests

from beamloom.control.http import make_app
from beamloom.placement.door import Door
from beamloom.settings import ControllerSettings
from beamloom.transport.http_server import HttpServer
from services.bench import Bench, Doubling, Feed, Gathering
from support.patience import PATIENCE

T = TypeVar("T")
PAUSE = 0.0005


class Live:
    """Streams ``eiger`` and ``orca``, two workers, a reducer, and somebody who asks over HTTP."""

    def __init__(self, worker: type = Doubling, reducer: type | None = Gathering, **more: Any) -> None:
        self.feeds = {"eiger": Feed(), "orca": Feed()}
        settings = more.pop("settings", None) or ControllerSettings(arm_timeout=0.2)
        streams = more.pop("streams", self.feeds)
        rules = more.pop("rules", None)
        self.bench = Bench(streams, worker, reducer, settings=settings, clock=time.monotonic, **more)
        self.bench.controller.logbook.listen()
        self._server = HttpServer(make_app(self.bench.controller, rules=rules))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drive, name="bench")
        self._trouble: Exception | None = None

    def _drive(self) -> None:
        try:
            while not self._over.wait(PAUSE):
                self.bench.step()
        except Exception as error:  # noqa: BLE001  it is raised in the test's own thread
            self._trouble = error

    def __enter__(self) -> Live:
        self._server.start()
        self._thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._server.stop()
        self._over.set()
        self._thread.join()
        self.bench.close()
        if self._trouble is not None:
            raise self._trouble

    def do(self, command: Callable[[], T]) -> T:
        """Call something in the thread that drives the pipeline."""
        return self.bench.controller.ask(command).result(PATIENCE)

    def show_results_at(self, url: str) -> None:
        """Have the reducer say that it serves its results there."""
        reducer = self.bench.controller.ensemble.reducer
        assert reducer is not None
        self.do(lambda: setattr(reducer.register, "http", url))

    # ---- HTTP -----------------------------------------------------------------------------------------------------------

    def url(self, path: str) -> str:
        return f"{self._server.url}/api/v1/{path}"

    @property
    def root(self) -> str:
        return self._server.url

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url(path), timeout=PATIENCE, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return requests.post(self.url(path), timeout=PATIENCE, **more)

    def read(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def arm(self, body: dict[str, Any], **params: str) -> str:
        answer = self.post("sequence", json=body, params=params)
        assert answer.status_code == 200, answer.text
        run: str = answer.json()
        return run

    def refused(self, answer: requests.Response, status: int) -> str:
        """The sentence of a refusal."""
        assert answer.status_code == status, answer.text
        assert set(answer.json()) == {"detail"}
        sentence: str = answer.json()["detail"]
        assert sentence
        return sentence

    def wait_for(self, path: str, reached: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not reached(answer := self.read(path)):
            assert time.monotonic() < deadline, answer
        return answer

    def finished(self) -> Any:
        return self.wait_for("progress", lambda progress: progress["finished"])


def simple_map(events: int, *streams: str) -> dict[str, Any]:
    """A body with one part: each event of each stream with a constraint of its own."""
    cells = [[{"constraint": n}] for n in range(events)]
    return {"parts": {"main": dict.fromkeys(streams or ("eiger",), cells)}, "sequence": ["main"]}


class LaunchesWorkers(Protocol):
    """Starts and stops workers of a pipeline in memory, as the supervisor of real processes does."""

    live: Live | None

    def __call__(self, question: Mapping[str, Any]) -> dict[str, Any]: ...


@contextmanager
def launched_by(launcher: LaunchesWorkers) -> Iterator[Live]:
    """A pipeline of two workers whose controller asks ``launcher`` for others."""
    door = Door(launcher)
    door.open()
    try:
        with Live(settings=ControllerSettings(arm_timeout=0.2, launcher=str(door.path))) as running:
            running.wait_for("config", lambda config: len(config["workers"]) == 2)
            launcher.live = running
            yield running
    finally:
        door.close()
