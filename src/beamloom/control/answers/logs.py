"""The questions about logs: the latest lines, and those to come."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamloom.control.asking import Asking, BadRequest, as_json, until_refused

LOG_POLL_SECONDS = 0.2
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class LogAnswers(Asking):
    """What is asked of logs."""

    async def logs(self, request: Request) -> Response:
        """The latest log lines of all processes, oldest first, each with its number; those behind ``after`` alone where that is given."""
        least = _LEVELS.get(request.query_params.get("level", "INFO").upper())
        if least is None:
            raise BadRequest(f"level is one of {', '.join(_LEVELS)}")
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            raise BadRequest(f"after is the number of a line, such as after=1200, not {after!r:.40}")
        known = int(after)

        def latest() -> tuple[int, list[dict[str, str]]]:
            book = self._controller.logbook
            # Numbers begin anew with another controller: then all lines are news.
            new = book.count - known if known <= book.count else book.count
            lines = list(itertools.islice(reversed(book.lines), new))[::-1]
            return book.count - len(lines) + 1, lines

        first, lines = await self._ask(latest)
        return as_json(
            [
                {**line, "number": str(number)}
                for number, line in enumerate(lines, first)
                if _LEVELS.get(line["levelname"], 0) >= least
            ]
        )

    async def log_stream(self, request: Request) -> Response:
        """New log lines as they come, one JSON object a line, without end."""
        seen = await self._ask(lambda: self._controller.logbook.count)

        async def lines() -> AsyncIterator[bytes]:
            nonlocal seen
            while not await request.is_disconnected():
                seen, news = await self._ask(partial(_news, self._controller.logbook, seen))
                if news:
                    yield b"".join(msgspec.json.encode(line) + b"\n" for line in news)
                await asyncio.sleep(LOG_POLL_SECONDS)

        return StreamingResponse(until_refused(lines()), media_type="application/x-ndjson")


def _news(logbook: Any, seen: int) -> tuple[int, list[dict[str, str]]]:
    """How many lines there have been, and those behind the first ``seen`` that are kept."""
    new = min(logbook.count - seen, len(logbook.lines))
    return logbook.count, list(itertools.islice(reversed(logbook.lines), new))[::-1]
