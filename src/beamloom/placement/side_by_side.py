"""Several pipelines side by side: each has processes of its own, as it has alone, and one more, the front, shows all at one address.

Policy: nothing is shared but the front and the screen, so that nothing that happens in one pipeline can reach another one. The first
pipeline's address for HTTP is that of the front; controllers listen on this machine alone, on free ports. Of two pipelines that want
the same port the later one gets a free one instead.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from beamloom.access import AccessError, tokens_of
from beamloom.access.policy import is_loopback
from beamloom.errors import UsageError
from beamloom.pipeline_file import HttpAddress, Pipeline, host_and_port
from beamloom.placement.children import ProcessSpec
from beamloom.placement.commands import CONTROLLER, LIFELINE, flags_of, reachable
from beamloom.placement.layout import layout_of
from beamloom.placement.local import STATE_VARIABLE, LocalPlacement, PlacementError
from beamloom.placement.notices import asked
from beamloom.placement.ports import free_ports
from beamloom.placement.processes import State
from beamloom.placement.screen import Screen
from beamloom.placement.shared_screen import SharedScreen
from beamloom.settings import NAME_PATTERN, FrontSettings
from beamloom.transport.interfaces import address_at

FRONT = "front"
LATEST_STAGE = CONTROLLER + 1
"""The front is told to end when nobody behind it is left."""
LOOK_SECONDS = 0.1


class SideBySide:
    """Several pipelines and their front; a context manager that starts and ends them."""

    def __init__(self, pipelines: Sequence[Pipeline], *, screen: Screen, logs: Path | None = None) -> None:
        """Raises UsageError where they cannot be side by side; see ``made_room`` for what they share."""
        front_at = _front_address(pipelines[0])
        pipelines = made_room(pipelines, front_at)
        self._shared = SharedScreen(screen)
        self.parts = {
            pipeline.name: LocalPlacement(
                layout_of(pipeline),
                screen=self._shared.part(pipeline.name),
                logs=logs and logs / pipeline.name,
            )
            for pipeline in pipelines
        }
        """The pipelines by their names."""
        self._credentials = next(iter(self.parts.values())).layout.credentials
        spec, self.url = _front(
            pipelines, front_at, {name: one.controller_url for name, one in self.parts.items()}
        )
        """The address of the front."""
        self._front = LocalPlacement([spec], screen=self._shared.part(""), logs=logs)

    def __enter__(self) -> SideBySide:
        for one in (self._front, *self.parts.values()):
            one.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all pipelines at the same time, and the front behind them."""
        ending = [threading.Thread(target=one.stop, name="ends") for one in self.parts.values()]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()
        self._front.stop()

    def url_of(self, name: str) -> str:
        """Where a pipeline is found at the front."""
        return f"{self.url}/pipelines/{name}"

    def wait_front(self, timeout: float, stopped: Callable[[], bool]) -> bool:
        """Return True when the front answers, False when ``stopped`` says so before. Raises PlacementError."""
        deadline = time.monotonic() + timeout
        while not stopped():
            if asked(self.url, "/pipelines", self._credentials, any_status=True) is not None:
                return True
            self.refuse_without_front()
            if time.monotonic() > deadline:
                raise PlacementError(
                    f"after {timeout:g} s the front does not answer at {self.url}; its last lines are above"
                )
            time.sleep(LOOK_SECONDS)
        return False

    def refuse_without_front(self) -> None:
        """Raises PlacementError where the front is not started any more."""
        (status,) = self._front.status()
        if status.state is State.GIVEN_UP:
            raise PlacementError(f"the pipelines cannot be reached: {self._front.last_words(status)}")

    def kill_front(self) -> int:
        """Kill the front, as a crash would; returns its pid. It is started again."""
        return self._front.kill(FRONT)

    def stop_at_once(self) -> None:
        """Kill every process."""
        for one in (*self.parts.values(), self._front):
            one.stop_at_once()

    def redraw(self) -> None:
        """Show how things are now."""
        for one in (self._front, *self.parts.values()):
            one.redraw()


def made_room(pipelines: Sequence[Pipeline], front_at: tuple[str, int]) -> list[Pipeline]:
    """The pipelines as they can run side by side on one machine.

    Each keeps its state under its own name, in the store as in the folder of the environment; controllers listen on free ports of this
    machine, and of two that want an address the later one gets a free port. Raises UsageError where names are the same, or cannot stand in
    addresses; AccessError where the front would let other machines in to a pipeline that asks for no token.
    """
    check_names(pipelines)
    taken = {front_at[1]}
    made = []
    for pipeline in pipelines:
        _check_access(pipeline, front_at[0])
        settings = {"pipeline": pipeline.name, **pipeline.settings}
        if (folder := os.environ.get(STATE_VARIABLE)) and not settings.get("state_dir"):
            settings["state_dir"] = str(Path(folder) / pipeline.name)
        controller = msgspec.structs.replace(
            pipeline.controller, http="127.0.0.1:0", mailbox=_free(pipeline.controller.mailbox, taken)
        )
        reducer = msgspec.structs.replace(pipeline.reducer, http=_free(pipeline.reducer.http, taken))
        debugworker = pipeline.debugworker and msgspec.structs.replace(
            pipeline.debugworker, http=_free(pipeline.debugworker.http, taken)
        )
        made.append(
            msgspec.structs.replace(
                pipeline, settings=settings, controller=controller, reducer=reducer, debugworker=debugworker
            )
        )
    return made


def check_names(pipelines: Sequence[Pipeline]) -> None:
    """Raises UsageError where names are the same, or cannot stand in addresses."""
    names = [pipeline.name for pipeline in pipelines]
    for name in names:
        if not NAME_PATTERN.fullmatch(name):
            raise UsageError(
                f"a pipeline beside others is reached by its name, so that it cannot be called {name!r}; give 'name' in its file "
                "letters, digits, dots and dashes, with a letter or a digit first"
            )
        if names.count(name) > 1:
            raise UsageError(
                f"{names.count(name)} of these pipelines are called {name!r}; give each file a 'name' of its own"
            )
    kept = [str(pipeline.settings.get("pipeline", pipeline.name)) for pipeline in pipelines]
    for name in kept:
        if kept.count(name) > 1:
            raise UsageError(
                f"{kept.count(name)} of these pipelines keep their state as {name!r}; give each a 'pipeline' of its own in its 'settings', "
                "or leave it out"
            )


def _free(address: HttpAddress, taken: set[int]) -> HttpAddress:
    """The address, or its host with a free port where another pipeline has that port; the port is taken then."""
    host, port = host_and_port(address)
    if port == 0 or port not in taken:
        taken.add(port)
        return address
    return f"{host}:0"


def _front_address(first: Pipeline) -> tuple[str, int]:
    host, port = host_and_port(first.controller.http)
    host = address_at(host)
    return host, port or free_ports([host])[0]


def _setting(pipeline: Pipeline, name: str) -> str:
    return str(pipeline.settings.get(name) or os.environ.get(f"BEAMLOOM_{name.upper()}", ""))


def _check_access(pipeline: Pipeline, host: str) -> None:
    """Raises AccessError where other machines reach the front, and would so reach this pipeline without a token."""
    tokens = tokens_of(_setting(pipeline, "http_tokens"), os.environ)
    is_open = _setting(pipeline, "http_open").lower() in ("true", "1", "yes", "on")
    if not (is_loopback(host) or tokens or is_open):
        raise AccessError(
            f"HTTP on {host} can be reached by other machines, and pipeline {pipeline.name!r} has no tokens, so that anybody could "
            "command it; make some with 'beamloom keys' and name their file in its settings (http_tokens), listen on 127.0.0.1, "
            "or write http_open: true there if that is meant"
        )


def _front(
    pipelines: Sequence[Pipeline], at: tuple[str, int], urls: Mapping[str, str]
) -> tuple[ProcessSpec, str]:
    """The process of the front, and where it is found."""
    first = pipelines[0]
    certificates = dict.fromkeys(filter(None, (_setting(one, "http_certificate") for one in pipelines)))
    limits = [one.settings["http_body_limit"] for one in pipelines if "http_body_limit" in one.settings]
    values: dict[str, Any] = {
        "name": FRONT,
        "pipeline_urls": dict(urls),
        "http_host": at[0],
        "http_port": at[1],
        "http_open": not is_loopback(at[0]),
        "http_certificate": _setting(first, "http_certificate") or None,
        "http_key": _setting(first, "http_key") or None,
        "http_trusted": list(certificates) or None,
        "http_body_limit": max(limits) if limits else None,
        "log_level": first.settings.get("log_level"),
    }
    words = (sys.executable, "-P", "-m", "beamloom", "front", *flags_of(FrontSettings, values))
    scheme = "https" if values["http_certificate"] else "http"
    spec = ProcessSpec(FRONT, (*words, f"{LIFELINE}={os.getpid()}"), stop_stage=LATEST_STAGE)
    return spec, f"{scheme}://{reachable(at[0])}:{at[1]}"
