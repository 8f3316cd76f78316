"""The questions about rules, as an ASGI application answers them: each is worked out in a thread, as it may wait for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount

from beamloom.control.asking import BadRequest, as_json, decoded_as
from beamloom.control.rules.answers import NewPriority, OwnRules, RuleSteps
from beamloom.control.rules.desk import RulesDesk
from beamloom.control.rules.table import RESULTS, rule_routes
from beamloom.errors import UserError
from beamloom.openapi import Told, with_document
from beamloom.results.files.http import file_route
from beamloom.results.http import make_app
from beamloom.rules.ledger import ChunkState

T = TypeVar("T")
OWN = "/own"
"""Where the controller itself submits; it passes nothing on to there."""
MOST_BYTES = 1 << 20
LARGEST = 1 << 62
"""Of a number in an address: a ledger has no larger ones."""
STATUS = {"NoSuchRule": 404, "RulesRefused": 409}


class RuleAnswers:
    """All that can be asked of the rules."""

    def __init__(self, desk: RulesDesk) -> None:
        self._desk = desk

    async def chains(self, request: Request) -> Response:
        """Chains, the latest first."""
        state = _choice(request, "state", ("active", "ended"))
        active = None if state is None else state == "active"
        before = request.query_params.get("before")
        earlier = None if before is None else _number(request, "before", 0)
        most = _number(request, "last", 20)
        return await self._tell(lambda: self._desk.chains(most, earlier, active))

    async def submit(self, request: Request) -> Response:
        """Start rules."""
        body = await _description(request)
        by, key = _by(request), request.query_params.get("key")
        return await self._tell(
            lambda: self._desk.submit(body, as_yaml=_is_yaml(request), by=by, key=key and key[:500])
        )

    async def submit_own(self, request: Request) -> Response:
        """Start rules of the controller itself."""
        rules = msgspec.json.decode(await request.body(), type=OwnRules)
        return await self._tell(lambda: self._desk.submit_own(rules))

    async def check(self, request: Request) -> Response:
        """The chain that a description would be."""
        body = await _description(request)
        return await self._tell(lambda: self._desk.check(body, as_yaml=_is_yaml(request), by=_by(request)))

    async def service(self, request: Request) -> Response:
        """What the service takes."""
        return await self._tell(self._desk.service)

    async def chain(self, request: Request) -> Response:
        """One chain."""
        chain = _in_path(request, "chain")
        return await self._tell(lambda: self._desk.chain(chain))

    async def cancel(self, request: Request) -> Response:
        """End a chain."""
        chain, step, by = _in_path(request, "chain"), _step(request), _by(request)
        return await self._tell(lambda: RuleSteps(self._desk.cancel(chain, step, by)))

    async def retry(self, request: Request) -> Response:
        """Work off again what failed."""
        chain, step = _in_path(request, "chain"), _step(request)
        return await self._tell(lambda: RuleSteps(self._desk.retry(chain, step)))

    async def priority(self, request: Request) -> Response:
        """Before or after others."""
        chain, step = _in_path(request, "chain"), _step(request)
        says = 'a priority is a number in a mapping, as {"priority": 5}'
        wanted = decoded_as(NewPriority, await request.body(), says)
        return await self._tell(lambda: RuleSteps(self._desk.prioritise(chain, step, wanted.priority)))

    async def chunks(self, request: Request) -> Response:
        """The chunks of a step."""
        chain, step = _in_path(request, "chain"), _in_path(request, "step")
        first, most = _number(request, "from", 0), _number(request, "count", 100)
        state = _choice(request, "state", ("ready", "leased", "done", "failed"))
        return await self._tell(
            lambda: self._desk.chunks(chain, step, first, most, cast("ChunkState | None", state))
        )

    async def output(self, request: Request) -> Response:
        """A file."""
        chain, step = _in_path(request, "chain"), _in_path(request, "step")
        number = _in_path(request, "number")
        path = await asyncio.to_thread(self._desk.output, chain, step, number)
        # Whatever is in it, a browser keeps it as a file, and runs nothing of it.
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    async def _tell(self, question: Callable[[], Any]) -> Response:
        return as_json(await asyncio.to_thread(question))


def rules_app(desk: RulesDesk) -> Starlette:
    """The service of the rules by itself."""
    answering = RuleAnswers(desk)
    documented = with_document("The rules of Beamloom", rule_routes(lambda name: getattr(answering, name)))
    # It is in no document: only the controller that has started this process knows of it.
    own = Told(OWN, answering.submit_own, methods=["POST"], answers=dict[str, Any])
    routes = [one.around(_in_words(one.endpoint)) for one in (*documented, own) if isinstance(one, Told)]
    tree = Mount(RESULTS, make_app(desk.outputs, more_routes=[file_route(desk.outputs, lambda: None)]))
    return Starlette(routes=[*routes, tree], exception_handlers={HTTPException: _no_such_route})


def _in_words(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    async def answer(request: Request) -> Response:
        try:
            response: Response = await endpoint(request)
        except UserError as error:
            return as_json({"detail": str(error)}, STATUS.get(type(error).__name__, 400))
        return response

    return answer


async def _no_such_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = getattr(error, "detail", str(error))
    if status == 404:
        detail = f"there is nothing at {request.url.path}; the rules are under /api/v1/rules"
    return as_json({"detail": detail}, status, getattr(error, "headers", None))


async def _description(request: Request) -> bytes:
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise BadRequest(f"a description has {MOST_BYTES} bytes at most, and this one has {len(body)}")
    return body


def _is_yaml(request: Request) -> bool:
    return "yaml" in request.headers.get("content-type", "")


def _by(request: Request) -> str:
    return request.query_params.get("by", "")[:100]


def _in_path(request: Request, name: str) -> int:
    return min(int(request.path_params[name]), LARGEST)


def _step(request: Request) -> int | None:
    return None if "step" not in request.query_params else _number(request, "step", 0)


def _number(request: Request, name: str, default: int) -> int:
    """A whole number in the address, from 0 on. Raises BadRequest."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise BadRequest(f"{name} is a whole number from 0 on, such as {name}=20, not {text!r:.40}")
    return int(text)


def _choice(request: Request, name: str, choices: tuple[str, ...]) -> str | None:
    text = request.query_params.get(name)
    if text is not None and text not in choices:
        raise BadRequest(f"{name} is {' or '.join(choices)}, not {text!r:.40}")
    return text
