"""The questions about runs that do not go on yet: what one would be, and beginning it in the same words."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from beamloom.control.answers.runs import RunAnswers
from beamloom.control.asking import BadRequest, as_json, seconds_of
from beamloom.control.plans import Plan, map_of, shown
from beamloom.triggermap import TriggerMap

_plan = msgspec.json.Decoder(Plan)


class PlanAnswers(RunAnswers):
    """What is asked of runs to come, besides those that there are."""

    async def show_plan(self, request: Request) -> Response:
        """What a run would be, and why it could not begin now; nothing is armed."""
        trigger_map = await self._planned(request)
        problem = await self._ask(lambda: self._controller.refusal(trigger_map))
        return as_json(await asyncio.to_thread(shown, trigger_map, problem))

    async def arm_plan(self, request: Request) -> Response:
        """Begin a run in the words of a form."""
        budget = await self._budget(request)
        trigger_map = await self._planned(request)
        return as_json(await self._begin(trigger_map, budget, seconds_of(request, "idle_limit")))

    async def _planned(self, request: Request) -> TriggerMap:
        plan = _read(await request.body())
        if plan.like is None:
            return await asyncio.to_thread(map_of, plan)
        record: Any = await self._record(plan.like)
        return await asyncio.to_thread(lambda: record.written)


def _read(body: bytes) -> Plan:
    try:
        return _plan.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(
            f'this is no plan: {error}; one is {{"streams": ["camera"], "events": 1000}} or {{"like": "id of a run"}}'
        ) from None
