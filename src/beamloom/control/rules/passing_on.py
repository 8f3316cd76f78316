"""The routes of the rules as the controller has them: each request goes to the process of the rules as it came, and so does its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamloom.control.relay import IN_PATHS
from beamloom.control.rules.host import START, RulesHost, RulesRefused
from beamloom.control.rules.table import RESULTS, results_route, rule_routes
from beamloom.openapi import Told

if TYPE_CHECKING:
    import httpx  # loaded with the first request

PASSED_ON = ("accept", "content-type", "if-none-match", "if-range", "range")
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "date", "server")
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
KEPT_SECONDS = 2.0
"""A connection is used again for so long; the other side closes it after five seconds."""


class PassingOn:
    """Asks the process of the rules on behalf of whoever asks the controller, which has looked at who that is."""

    def __init__(self, host: RulesHost | None) -> None:
        """``host``: none where this controller has no rules."""
        self._host = host
        self._client: httpx.AsyncClient | None = None

    def routes(self) -> list[Told]:
        """The routes of the rules."""
        return [*rule_routes(lambda name: self.pass_on), results_route(self.results)]

    async def close(self) -> None:
        """End all connections."""
        if self._client is not None:
            await self._client.aclose()

    async def results(self, request: Request) -> Response:
        """What rules have written; where there never was one, nobody is started to say so."""
        if self._host is None or not self._host.has_ledger:
            raise HTTPException(404, "no rule has written anything here")
        # What a path selects may be written with any letter.
        return await self._pass_on(request, f"{RESULTS}/{quote(request.path_params['path'], safe=IN_PATHS)}")

    async def pass_on(self, request: Request) -> Response:
        """What the process of the rules answers."""
        return await self._pass_on(request, request.url.path)

    async def _pass_on(self, request: Request, path: str) -> Response:
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
                answer = await self._ask(url, path, self._host.token, request, body)
                break
            except RulesRefused as error:
                raise HTTPException(503, str(error)) from error
            except TimeoutError:
                raise HTTPException(
                    503, "the service of the rules does not start in time; ask again"
                ) from None
            except (httpx.InvalidURL, ValueError) as error:
                raise HTTPException(400, f"this is no address of the rules ({error})") from error
            except httpx.ConnectError as error:
                # It has ended between two questions, and nothing of this one has reached it.
                if not again:
                    raise HTTPException(
                        503, f"the service of the rules does not answer ({error}); ask again"
                    ) from error
                await asyncio.sleep(0.2)
            except httpx.HTTPError as error:
                # A connection that was kept may have been closed meanwhile; a question can be asked once more.
                if again and request.method in ("GET", "HEAD"):
                    continue
                raise HTTPException(
                    503, f"the service of the rules broke off ({error}); ask again"
                ) from error
        headers = {key: value for key, value in answer.headers.items() if key not in HOP_BY_HOP}
        return StreamingResponse(_body(answer), answer.status_code, headers)

    async def _ask(self, url: str, path: str, token: str, request: Request, body: bytes) -> httpx.Response:
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {key: request.headers[key] for key in PASSED_ON if key in request.headers}
        question = self._opened().build_request(
            request.method,
            f"{url}{path}{query}",
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
            self._client = httpx.AsyncClient(
                timeout=timeout, limits=httpx.Limits(keepalive_expiry=KEPT_SECONDS), trust_env=False
            )
        return self._client


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_raw():
            yield piece
    finally:
        await answer.aclose()
