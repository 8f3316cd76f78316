"""The routes of the rules as the controller has them: each request goes to the process of the rules as it came, and so does its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamloom.control.rules.host import START, RulesHost, RulesRefused
from beamloom.control.rules.table import rule_routes
from beamloom.openapi import Told

if TYPE_CHECKING:
    import httpx  # loaded with the first request

PASSED_ON = ("accept", "content-type", "if-none-match", "if-range", "range")
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "date", "server")
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0


class PassingOn:
    """Asks the process of the rules on behalf of whoever asks the controller, which has looked at who that is."""

    def __init__(self, host: RulesHost | None) -> None:
        """``host``: none where this controller has no rules."""
        self._host = host
        self._client: httpx.AsyncClient | None = None

    def routes(self) -> list[Told]:
        """The routes of the rules."""
        return rule_routes(lambda name: self.pass_on)

    async def close(self) -> None:
        """End all connections."""
        if self._client is not None:
            await self._client.aclose()

    async def pass_on(self, request: Request) -> Response:
        """What the process of the rules answers."""
        import httpx

        if self._host is None:
            raise HTTPException(
                503, "there is no service of rules beside this controller; start 'beamloom rules serve'"
            )
        body = await request.body()
        for again in (True, False):
            try:
                async with asyncio.timeout(START):
                    url = await asyncio.wrap_future(self._host.address())
                answer = await self._ask(url, self._host.token, request, body)
                break
            except RulesRefused as error:
                raise HTTPException(503, str(error)) from error
            except TimeoutError:
                raise HTTPException(
                    503, "the service of the rules does not start in time; ask again"
                ) from None
            except httpx.ConnectError as error:
                # It has ended between two questions, and nothing of this one has reached it.
                if not again:
                    raise HTTPException(
                        503, f"the service of the rules does not answer ({error}); ask again"
                    ) from error
                await asyncio.sleep(0.2)
            except httpx.HTTPError as error:
                raise HTTPException(
                    503, f"the service of the rules broke off ({error}); ask again"
                ) from error
        headers = {key: value for key, value in answer.headers.items() if key not in HOP_BY_HOP}
        return StreamingResponse(_body(answer), answer.status_code, headers)

    async def _ask(self, url: str, token: str, request: Request, body: bytes) -> httpx.Response:
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {key: request.headers[key] for key in PASSED_ON if key in request.headers}
        question = self._opened().build_request(
            request.method,
            f"{url}{request.url.path}{query}",
            headers={**headers, "authorization": f"Bearer {token}", "accept-encoding": "identity"},
            content=body,
        )
        return await self._opened().send(question, stream=True)

    def _opened(self) -> httpx.AsyncClient:
        import logging

        import httpx

        if self._client is None:
            logging.getLogger("httpx").setLevel(logging.WARNING)
            timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
            self._client = httpx.AsyncClient(timeout=timeout, trust_env=False)
        return self._client


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_raw():
            yield piece
    finally:
        await answer.aclose()
