"""The questions about processes: which there are, how they are, and what happened in them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from beamloom import metrics
from beamloom.control.asking import Asking, BadRequest, as_json, flag_of, seconds_of
from beamloom.control.relay import REDUCER, SHADOW
from beamloom.control.views import doctor as doctor_view
from beamloom.control.views import ensemble as ensemble_views
from beamloom.control.views import event_story
from beamloom.control.views import flow as flow_view
from beamloom.control.views import trace as trace_view
from beamloom.control.views.figures import figures_of
from beamloom.errors import UserError
from beamloom.transport.tracing import MOST_SPANS

logger = logging.getLogger(__name__)


class NotUnderstood(UserError):
    """What processes have answered cannot be told; the text says why."""


def _reply_to(told: Future[dict[str, Any]]) -> Callable[[Callable[[], dict[str, Any]]], None]:
    """What hands an answer to whoever asked. It raises nothing: it is called in the controller's thread, which no answer may end."""

    def reply(make: Callable[[], dict[str, Any]]) -> None:
        if not told.set_running_or_notify_cancel():
            return
        try:
            told.set_result(make())
        except UserError as refusal:
            told.set_exception(refusal)
        except Exception as error:
            logger.warning("What processes have answered cannot be told.", exc_info=True)
            told.set_exception(
                NotUnderstood(
                    f"what processes have answered is not understood ({type(error).__name__}: {error}); look with 'beamloom doctor' "
                    "whether all of them have the version of the controller, and in its log where it failed"
                )
            )

    return reply


class ProcessAnswers(Asking):
    """What is asked of processes."""

    async def hosts(self) -> dict[str, str]:
        """Where the processes are that take part, by their names; for other routes."""
        return await self._ask(
            lambda: {member.name: member.register.host for member in self._controller.ensemble}
        )

    async def address_of(self, name: str) -> str | None:
        """Where a process shows what it has; the reducer and the shadow worker have names of their own here."""

        def http() -> str | None:
            ensemble = self._controller.ensemble
            workers = {member.name: member for member in ensemble.workers}
            others = {REDUCER: ensemble.reducer, SHADOW: ensemble.shadow}
            member = others[name] if name in others else workers.get(name)
            return None if member is None else member.register.http

        return await self._ask(http)

    async def config(self, request: Request) -> Response:
        """The processes that take part."""
        return await self._of_controller(ensemble_views.config)

    async def status(self, request: Request) -> Response:
        """The run in detail, in the form that existing tools read."""
        return await self._of_controller(ensemble_views.status)

    async def load(self, request: Request) -> Response:
        """How busy the workers are, over the last so many events and over the run; where the time of all processes goes."""
        try:
            intervals = [int(text) for text in request.query_params.getlist("intervals")] or [1, 10]
        except ValueError:
            raise BadRequest(
                "intervals are whole numbers of events, such as ?intervals=1&intervals=10"
            ) from None
        scan = flag_of(request, "scan", default=True)
        with_stages = flag_of(request, "stages", default=False)
        seconds = seconds_of(request, "seconds")
        return await self._of_controller(
            lambda controller: ensemble_views.load(controller, intervals, scan, with_stages, seconds)
        )

    async def streams(self, request: Request) -> Response:
        """What became of the packets of each stream."""
        return await self._of_controller(ensemble_views.streams)

    async def flow(self, request: Request) -> Response:
        """How fast events come in and results come out, how long the newest result took, and how each stream is."""
        told: Future[dict[str, Any]] = Future()

        await self._ask(lambda: flow_view.ask(self._controller, time.monotonic(), _reply_to(told)))
        return as_json(await asyncio.wrap_future(told))

    async def doctor(self, request: Request) -> Response:
        """What is wrong, since when, and what to do."""
        return await self._of_controller(doctor_view.diagnosis)

    async def event(self, request: Request) -> Response:
        """The story of one event."""
        told: Future[dict[str, Any]] = Future()
        number, run = request.path_params["number"], request.query_params.get("run", "")

        await self._ask(
            lambda: event_story.ask(self._controller, run, number, time.monotonic(), _reply_to(told))
        )
        return as_json(await asyncio.wrap_future(told))

    async def begin_trace(self, request: Request) -> Response:
        """Have all processes keep what their loops do."""
        text = request.query_params.get("spans", str(trace_view.USUAL_SPANS))
        if not text.isdecimal() or not 0 < int(text) <= MOST_SPANS:
            raise BadRequest(f"spans is a number from 1 to {MOST_SPANS}, not {text!r:.40}")
        return await self._of_controller(lambda controller: trace_view.begin(controller, int(text)))

    async def trace(self, request: Request) -> Response:
        """End the trace, and give it in the form of Chrome and Perfetto."""
        told: Future[dict[str, Any]] = Future()

        await self._ask(lambda: trace_view.ask(self._controller, time.monotonic(), _reply_to(told)))
        return as_json(await asyncio.wrap_future(told))

    async def metrics(self, request: Request) -> Response:
        """Figures of the run, the streams and the processes, for Prometheus."""
        text = await self._ask(lambda: metrics.page(figures_of(self._controller, time.monotonic())))
        return Response(text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def health(self, request: Request) -> Response:
        """Whether a run could be armed now, and why not."""
        answer = await self._ask(lambda: ensemble_views.health(self._controller))
        return as_json(answer, 200 if answer["ready"] else 503)
