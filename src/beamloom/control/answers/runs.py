"""The questions about runs: arming and stopping them, how far they are, and what became of their events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamloom.control.answers.forms import MadeAgain, PipelineLine
from beamloom.control.answers.made_again import MadeAgainRuns
from beamloom.control.asking import (
    Asking,
    BadRequest,
    Controller,
    as_json,
    decoded,
    decoded_as,
    flag_of,
    seconds_of,
    until_refused,
)
from beamloom.control.views import ensemble as ensemble_views
from beamloom.control.views import errors as error_views
from beamloom.control.views import event_stream
from beamloom.control.views import runs as views
from beamloom.control.views import weave as weave_view
from beamloom.control.views.run_records import record_with_id, records_of
from beamloom.engine.accounts.budget import Budget
from beamloom.triggermap import TriggerMap, uniform

MOST_POINTS = 10**9
"""Of a scan; event numbers have 64 bits."""


class RunAnswers(Asking):
    """What is asked of runs."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._made_again = MadeAgainRuns()

    async def arm_sequence(self, request: Request) -> Response:
        """Begin a run of parts and their sequence."""
        return await self._arm(request, TriggerMap.from_json)

    async def arm_mapping(self, request: Request) -> Response:
        """Begin a run of a map that is one part (deprecated form)."""
        return await self._arm(request, TriggerMap.from_mapping)

    async def _arm(self, request: Request, read: Callable[..., TriggerMap]) -> Response:
        body = await request.body()
        wrap = flag_of(request, "all_wrap", default=True)
        budget = await self._budget(request)
        trigger_map = await asyncio.to_thread(read, body, all_wrap=wrap)
        return as_json(await self._begin(trigger_map, budget, seconds_of(request, "idle_limit")))

    async def _budget(self, request: Request) -> Budget | None:
        """How many events may fail, where the request says so; what it leaves out is as the settings have it."""
        given = request.query_params
        if "max_failed" not in given and "on_max_failed" not in given:
            return None
        settings = await self._ask(lambda: self._controller.settings)
        what = given.get("on_max_failed", settings.on_max_failed)
        if what not in ("degrade", "stop"):
            raise BadRequest(f"on_max_failed is degrade or stop, not {what!r}")
        try:
            return Budget.of(given.get("max_failed", settings.max_failed), stop=what == "stop")
        except ValueError as error:
            raise BadRequest(str(error)) from None

    async def _begin(
        self, trigger_map: TriggerMap, budget: Budget | None = None, idle_limit: float | None = None
    ) -> str:
        armed: Future[str] = Future()

        def reply(outcome: str | Exception) -> None:
            if not armed.set_running_or_notify_cancel():
                return  # the client has gone; the run goes on without it
            if isinstance(outcome, Exception):
                armed.set_exception(outcome)
            else:
                armed.set_result(outcome)

        await self._ask(
            lambda: self._controller.arm(trigger_map, reply, time.monotonic(), budget, idle_limit)
        )
        return await asyncio.wrap_future(armed)

    async def sardana_hook(self, request: Request) -> Response:
        """Begin a run of as many uniform events as the scan has points (deprecated)."""
        body = decoded(await request.body())
        scan = body.get("scan") if isinstance(body, dict) else None
        if not isinstance(scan, dict):
            return as_json("no scan info")
        if "nb_points" not in scan:
            return as_json("no nb_points in scan")
        wanted = body.get("streams")
        if not isinstance(wanted, list):
            return as_json("streams required")
        if not all(isinstance(stream, str) for stream in wanted):
            raise BadRequest('streams is a list of names, such as ["eiger", "orca"]')
        points = scan["nb_points"]
        if not isinstance(points, int) or isinstance(points, bool) or not 1 <= points <= MOST_POINTS:
            raise BadRequest(
                f"nb_points is {str(points)[:40]}; it has to be a whole number from 1 to {MOST_POINTS}"
            )
        there = await self._ask(lambda: self._controller.nameable)
        streams = [stream for stream in wanted if stream in there]
        if not streams:
            raise BadRequest(
                f"none of the streams {wanted} is there; there are {', '.join(there) or 'none'}: "
                "start an ingester for one of them, or correct the names"
            )
        return as_json(await self._begin(uniform(streams, points)))

    async def sequence(self, request: Request) -> Response:
        """The trigger map of the run."""
        active = await self._ask(lambda: self._controller.active)
        if active is None:
            return as_json({"parts": {}, "sequence": []})
        body = await asyncio.to_thread(active.written.encode)
        return Response(body, media_type="application/json")

    async def stop(self, request: Request) -> Response:
        """End the run that goes on."""
        await self._ask(lambda: self._controller.stop("asked to stop over HTTP"))
        return as_json(None)

    async def progress(self, request: Request) -> Response:
        """How far the run is."""
        return await self._of_controller(ensemble_views.progress)

    async def pipelines(self, request: Request) -> Response:
        """The pipelines at this address, and how far the run of each is: this one alone, where no front stands before it."""
        progress = await self._ask(lambda: ensemble_views.progress(self._controller))
        return as_json([PipelineLine(self._controller.settings.pipeline, "", None, progress)])

    async def ledger(self, request: Request) -> Response:
        """The account of the run."""
        return await self._show(views.ledger)

    async def coverage(self, request: Request) -> Response:
        """Which events are in the result, which are not, and why."""
        return await self._show(views.coverage)

    async def errors(self, request: Request) -> Response:
        """What failed, with tracebacks; of the run that ``run`` names, else of the present one."""
        wanted, listed = request.query_params.get("run"), flag_of(request, "listed", default=True)
        if wanted is None:
            return await self._show(lambda record: error_views.errors(record, listed=listed))
        record = await self._record(wanted)
        return as_json(await self._ask(lambda: error_views.errors(record, listed=listed)))

    async def events(self, request: Request) -> Response:
        """What became of events, as it happens, without end."""

        def look(
            known: event_stream.Mark,
        ) -> Awaitable[tuple[event_stream.Mark, event_stream.Account | None]]:
            return self._ask(lambda: event_stream.account_of(self._controller.active, known))

        body = until_refused(event_stream.lines(look, request.is_disconnected))
        return StreamingResponse(body, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})

    async def weave(self, request: Request) -> Response:
        """Some events of a run as a picture: where each is, and what came of its packets."""
        wanted = weave_view.wanted(request.query_params)
        found = await self._ask(lambda: weave_view.find(self._controller, wanted))
        return as_json(await asyncio.to_thread(weave_view.picture, found, wanted))

    async def runs(self, request: Request) -> Response:
        """The runs since the controller was started, newest first."""

        def listed() -> tuple[list[dict[str, Any]], str | None]:
            reducer = self._controller.ensemble.reducer
            http = None if reducer is None else reducer.register.http
            return [views.summary(record, http) for record in reversed(records_of(self._controller))], http

        return as_json(self._made_again.beside(*await self._ask(listed)))

    async def run(self, request: Request) -> Response:
        """One run: its map in a line, its parameters by the events that they held from, what is in its result, and its summary."""
        if (made_again := self._made_again.detail(request.path_params["run"])) is not None:
            return as_json(made_again)
        record = await self._record(request.path_params["run"])
        active = await self._ask(lambda: self._controller.active is record)
        # What has ended is unpacked, which takes its time; nobody changes it.
        ask = self._ask if active else asyncio.to_thread
        told = await ask(lambda: views.detail(record))
        return as_json(told)

    async def reprocessing(self, request: Request) -> Response:
        """The results that are being made again of recordings at this moment."""
        return as_json(self._made_again.running(time.monotonic()))

    async def note_reprocessing(self, request: Request) -> Response:
        """Whoever makes a result again tells how far it is; what is finished is listed among the runs from then on."""
        says = "the body is nothing that 'beamloom reprocess' tells"
        told = decoded_as(MadeAgain, await request.body(), says)
        self._made_again.note(told, time.monotonic())
        return as_json(None)

    async def _record(self, wanted: str) -> Any:
        """A run by its id. Raises NoSuchEvent."""
        return await self._ask(lambda: record_with_id(records_of(self._controller), wanted))
