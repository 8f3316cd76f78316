"""The questions about logs: the latest lines, and those to come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamloom.control.asking import Asking, BadRequest, as_json

LOG_POLL_SECONDS = 0.2
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class LogAnswers(Asking):
    """What is asked of logs."""

    async def logs(self, request: Request) -> Response:
        """The latest log lines of all processes, oldest first."""
        least = _LEVELS.get(request.query_params.get("level", "INFO").upper())
        if least is None:
            raise BadRequest(f"level is one of {', '.join(_LEVELS)}")
        lines = await self._ask(lambda: list(self._controller.logbook.lines))
        return as_json([line for line in lines if _LEVELS.get(line["levelname"], 0) >= least])

    async def log_stream(self, request: Request) -> Response:
        """New log lines as they come, one JSON object a line, without end."""
        seen = await self._ask(lambda: self._controller.logbook.count)

        async def lines() -> AsyncIterator[bytes]:
            nonlocal seen
            while not await request.is_disconnected():
                count, kept = await self._ask(
                    lambda: (self._controller.logbook.count, list(self._controller.logbook.lines))
                )
                for line in kept[len(kept) - min(count - seen, len(kept)) :]:
                    yield msgspec.json.encode(line) + b"\n"
                seen = count
                await asyncio.sleep(LOG_POLL_SECONDS)

        return StreamingResponse(lines(), media_type="application/x-ndjson")
