"""A route that says what it takes and what it answers: the one place where both are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.routing import Route

JSON: Final = "application/json"
ENDLESS: Final = "x-endless"
"""Key of operations whose answer goes on until the client has enough."""


class Refused(msgspec.Struct, frozen=True):
    """Why a request is refused."""

    detail: str
    """A sentence that says what is wrong and what to do."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One value in the query of an address."""

    name: str
    kind: Any = str
    """Its type, as msgspec makes a schema of it."""
    says: str = ""
    repeated: bool = False


class Told(Route):
    """A route of Starlette that tells what it is.

    ``answers`` is the type of what it answers with JSON, or a media type for anything else; ``takes`` the same of the body of a request;
    ``also`` further statuses, each with a sentence, or with the type of what is answered then. What it does is the first line of the
    docstring of its endpoint, or ``says``.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Sequence[str] = ("GET",),
        answers: Any,
        takes: Any = None,
        query: Sequence[Value] = (),
        also: Mapping[int, Any] | None = None,
        says: str = "",
        endless: bool = False,
        asks: bool = False,
    ) -> None:
        """``asks``: it changes nothing although it is posted to."""
        super().__init__(path, endpoint, methods=list(methods))
        self.answers = answers
        self.takes = takes
        self.query = tuple(query)
        self.also = dict(also or {})
        self.says = says or first_line(endpoint)
        self.endless = endless
        self.asks = asks

    def around(self, endpoint: Callable[..., Any]) -> Told:
        """The same route with another endpoint, which answers as this one does."""
        return Told(
            self.path,
            endpoint,
            methods=sorted((self.methods or {"GET"}) - {"HEAD"}),
            answers=self.answers,
            takes=self.takes,
            query=self.query,
            also=self.also,
            says=self.says,
            endless=self.endless,
            asks=self.asks,
        )


def first_line(endpoint: Callable[..., Any]) -> str:
    """The first line of its docstring."""
    return (endpoint.__doc__ or "").strip().partition("\n")[0]
