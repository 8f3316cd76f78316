"""Asking the controller: a handler does nothing itself, it has the controller's thread compute the answer.

Whatever a client sends wrongly is a ``BadRequest``, whose sentence it is answered with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from beamloom.control.launcher import ask_launcher
from beamloom.engine.accounts.budget import Budget
from beamloom.errors import UserError
from beamloom.parameters import Parameters
from beamloom.triggermap import TriggerMap

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Controller(Protocol):
    """What the API needs of the controller; all but ``ask`` is touched in the controller's thread only."""

    active: Any
    past: Any
    logbook: Any
    parameters: Parameters
    ensemble: Any
    settings: Any
    address: str
    """Where it tells other processes that it is."""
    epochs: Any
    lately: Any
    departures: Any
    updates: Any
    shadows: Any
    listeners: list[Callable[[], None]]
    """Called when the analysis has said something, or a run has begun or ended."""

    @property
    def nameable(self) -> list[str]:
        """What a trigger map may name now: streams and detectors."""

    def ask(self, command: Callable[[], T]) -> Future[T]:
        """Have a command called in the controller's thread."""

    def arm(
        self,
        trigger_map: TriggerMap,
        reply: Callable[[str | Exception], None],
        now: float,
        budget: Budget | None = None,
        idle_limit: float | None = None,
    ) -> None:
        """Begin a run; where the settings differ: how many events may fail, and for how long (s) nothing may come."""

    def refusal(self, trigger_map: TriggerMap) -> str | None:
        """Why a run of this map could not begin now, in a sentence; None where nothing is known to be in the way."""

    def stop(self, cause: str) -> None:
        """End the run that goes on."""

    def set_parameters(self, values: dict[str, bytes]) -> str:
        """Set parameters as one epoch; returns the hash of the new set."""


class BadRequest(UserError):
    """A request that makes no sense; the text says why."""


class Asking:
    """What answers requests by asking a controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    async def _ask(self, command: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._controller.ask(command))

    async def _ask_launcher(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer of whoever has started this pipeline. Raises NoLauncher and NoWorker."""
        return await ask_launcher(self._controller.settings.launcher, question)

    async def _show(self, view: Callable[[Any], Any]) -> Response:
        return as_json(await self._ask(lambda: view(self._controller.active)))

    async def _of_controller(self, view: Callable[[Any], Any]) -> Response:
        return as_json(await self._ask(lambda: view(self._controller)))


async def until_refused(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What never ends by itself, until the controller ends: whoever follows it asks again, and is told then."""
    try:
        async for piece in pieces:
            yield piece
    except UserError as refusal:
        logger.info("what was followed ends: %s", refusal)


def as_json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def decoded(body: bytes) -> Any:
    """What a body in JSON holds. Raises BadRequest."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise BadRequest("the body is nested too deeply; nothing here is") from None


def decoded_as(kind: type[T], body: bytes, says: str) -> T:
    """What a body in JSON holds, checked; ``says`` is the sentence about what it has to be. Raises BadRequest."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"{says}: {error}") from None


def seconds_of(request: Request, name: str) -> float | None:
    """A time in the address; None where there is none. Raises BadRequest."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BadRequest(f"{name} is a time in seconds above 0, such as {name}=30, not {text!r}")
    return seconds


def flag_of(request: Request, name: str, *, default: bool) -> bool:
    """A truth value in the address. Raises BadRequest."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.lower() not in ("true", "1", "yes", "false", "0", "no"):
        raise BadRequest(f"{name} is true or false, not {text!r}")
    return text.lower() in ("true", "1", "yes")
