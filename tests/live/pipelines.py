"""Pipelines of real processes, seen as their users see them: over HTTP; and the simulated devices that feed them."""

from __future__ import annotations

import json
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from beamloom.devices.device import Simulator
from beamloom.devices.registry import find_device
from beamloom.pipeline_file import Pipeline, parse_pipeline
from beamloom.placement import LocalPlacement
from beamloom.placement.processes import RestartPolicy
from support.patience import PATIENCE
from support.ports import quiet_address

ANALYSES = Path(__file__).parent / "analyses"
TIMEOUT = PATIENCE
"""Seconds after which waiting fails."""


def wait_until(
    condition: Callable[[], Any], what: str, state: Callable[[], str] = str, timeout: float = TIMEOUT
) -> Any:
    """Return what ``condition`` returns as soon as that is true; fail the test, telling the state, when it does not get true."""
    end = time.monotonic() + timeout
    while not (met := condition()):
        if time.monotonic() > end:
            pytest.fail(f"waited in vain for {what}\n{state()}", pytrace=True)
        # A look is a question over HTTP most times: asked more often it takes a third of a processor from those who are waited for.
        time.sleep(0.03)
    return met


class Live:
    """A pipeline that runs."""

    def __init__(self, placement: LocalPlacement, token: str = "") -> None:
        self.placement = placement
        self._session = requests.Session()
        self._session.trust_env = False
        # A server may end a connection that was idle for a while as the next question is on its way.
        self._session.mount("http://", HTTPAdapter(max_retries=Retry(2, connect=0, allowed_methods=["GET"])))
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    # ---- the controller ---------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """The answer of the controller at ``/api/v1/<path>``."""
        answer = self._session.get(f"{self.placement.controller_url}/api/v1/{path}", timeout=TIMEOUT)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: Any) -> requests.Response:
        """Post to the controller at ``/api/v1/<path>``."""
        return self._session.post(f"{self.placement.controller_url}/api/v1/{path}", timeout=TIMEOUT, **body)

    def arm(self, trigger_map: Mapping[str, Any], *, all_wrap: bool = True) -> str:
        """Begin a run; returns its id."""
        answer = self.post(f"sequence?all_wrap={all_wrap}", json=trigger_map)
        assert answer.status_code == 200, answer.text
        return str(answer.json())

    def refusal(self, trigger_map: Mapping[str, Any]) -> tuple[int, str]:
        """Try to begin a run that is refused; returns the status and the sentence."""
        answer = self.post("sequence", json=trigger_map)
        assert answer.status_code != 200
        return answer.status_code, answer.json()["detail"]

    def set(self, **values: Any) -> None:
        """Set parameters, as one epoch."""
        answer = self.post("parameters", json=values)
        assert answer.status_code == 200, answer.text

    def progress(self) -> dict[str, Any]:
        """How far the run is."""
        found: dict[str, Any] = self.get("progress")
        return found

    def completed(self, events: int) -> bool:
        """Whether so many events are settled."""
        return bool(self.progress()["completed_events"] >= events)

    def finished(self, timeout: float = TIMEOUT) -> dict[str, Any]:
        """Wait for the end of the run; returns its progress then."""
        wait_until(lambda: self.progress()["finished"], "the end of the run", self.state, timeout)
        return self.progress()

    def state(self) -> str:
        """All that a person would look at first."""
        lines = [
            f"{path}: {self.get(path)}" for path in ("progress", "ledger", "streams", "status", "errors")
        ]
        for status in self.placement.status():
            lines += [f"{status.name}: {line}" for line in self.placement.output(status.name)[-8:]]
        return "\n".join(lines)

    def is_ready(self) -> bool:
        """Whether a run could be armed."""
        health = f"{self.placement.controller_url}/api/v1/health"
        return self._session.get(health, timeout=TIMEOUT).status_code == 200

    def answers(self) -> bool:
        """Whether the controller does."""
        try:
            return bool(
                self._session.get(f"{self.placement.controller_url}/api/v1/progress", timeout=TIMEOUT).ok
            )
        except requests.ConnectionError:
            return False

    def peer(self, worker: str) -> str | None:
        """The id of the present life of a worker; None while the controller does not know it."""
        known = {str(w["name"]): str(w["service_uuid"]) for w in self.get("config")["workers"]}
        return known.get(worker)

    def pid(self, name: str) -> int | None:
        """That of the present life of a process; None while it is not there."""
        return next(one.pid for one in self.placement.status() if one.name == name)

    def kill(self, name: str) -> int:
        """Kill a process that is there; returns its pid. Another one is started in its place."""
        pid = self.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    # ---- the reducer ------------------------------------------------------------------------------------------------------

    def published(self) -> dict[str, Any]:
        """The publish tree, as a notebook gets it."""
        address = f"{self.placement.reducer_url}/api/v1/result/$"
        tree: dict[str, Any] = pickle.loads(self._session.get(address, timeout=TIMEOUT).content)[0]
        return tree


class Bench:
    """The simulated devices of a pipeline, by stream."""

    def __init__(self, addresses: Mapping[str, tuple[str, str]]) -> None:
        """``addresses``: for each stream its device and where that listens."""
        self._simulators: dict[str, Simulator] = {}
        self._threads: list[threading.Thread] = []
        for stream, (device, url) in addresses.items():
            self._simulators[stream] = find_device(device).simulator(url)

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for simulator in self._simulators.values():
            simulator.close()
        for thread in self._threads:
            thread.join()

    def url(self, stream: str) -> str:
        """Where the device of a stream listens."""
        return self._simulators[stream].url

    def play(self, stream: str, messages: Iterable[Sequence[bytes]], rate: float | None = None) -> None:
        """Let the device of a stream send these, at ``rate`` data messages per second; returns at once."""
        play = self._simulators[stream].play
        thread = threading.Thread(target=play, args=(messages,), kwargs={"rate": rate})
        self._threads.append(thread)
        thread.start()


@contextmanager
def running(
    streams: Mapping[str, Mapping[str, Any]],
    *,
    worker: str = "pictures:Worker",
    reducer: str = "pictures:Reducer",
    leaves: int = 1,
    ready: float = TIMEOUT,
    count: int = 2,
    analysis: Path = ANALYSES,
    policy: RestartPolicy | None = None,
    token: str = "",
    place: Callable[[Pipeline], AbstractContextManager[LocalPlacement]] | None = None,
    **more: Any,
) -> Iterator[Live]:
    """A pipeline with these streams, ready to be armed; ``more`` are further keys of its pipeline file, ``token`` is for HTTP.

    ``ready``: seconds in which all have to be there. ``place`` starts it, where that is not to be on this machine.
    """
    text = json.dumps(
        {
            "streams": streams,
            "workers": {"class": worker, "count": count},
            "reducer": {"class": reducer, "http": quiet_address(), "leaves": leaves},
            "controller": {"http": quiet_address(), "mailbox": quiet_address()},
            "analysis": str(analysis),
            **more,
        }
    )
    pipeline = parse_pipeline(text, folder=analysis)
    with place(pipeline) if place else LocalPlacement(pipeline, quiet=True, policy=policy) as placement:
        placement.wait_ready(ready)
        live = Live(placement, token)
        try:
            yield live
        finally:
            live.close()


def of_camera(camera: Bench) -> dict[str, Any]:
    """The streams of a pipeline that has one camera."""
    return {"camera": {"device": "stins", "url": camera.url("camera")}}


def check_each_once(live: Live, events: int) -> None:
    """Each of the events was reduced exactly once, from its own picture."""
    tree = live.published()
    between = range(1, events + 1)
    assert {event: tree["pictures"][event]["camera"] for event in between} == {
        event: event - 1 for event in between
    }
    assert {event: times for event, times in tree["times"].items() if event in between and times != 1} == {}
