"""The routes to the document: ``/openapi.json`` for programs, ``/docs`` for people, who need nothing from elsewhere to read it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from beamloom.openapi.document import document
from beamloom.openapi.routes import Told

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
 body {{ font: 16px/1.5 system-ui, sans-serif; color: #1d2733; background: #f6f7f9; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }}
 section {{ background: #fff; border: 1px solid #e3e7eb; border-radius: 8px; padding: .75rem 1.25rem; margin: .75rem 0; overflow-x: auto; }}
 h2 {{ font: 600 1rem ui-monospace, monospace; margin: 0; }} p {{ margin: .25rem 0; color: #55606e; }}
 code {{ background: #f1f3f5; border-radius: 4px; padding: 0 .25rem; }}
</style>
<h1>{title}</h1>
<p>The same for programs: <a href="openapi.json">openapi.json</a></p>
{sections}
</html>
"""


def with_document(title: str, routes: Sequence[BaseRoute]) -> list[BaseRoute]:
    """The routes, and those to the document that describes all of them."""
    made: list[Any] = []

    async def as_json(request: Request) -> Response:
        """What this API promises, as an OpenAPI document."""
        return Response(made[0], media_type="application/json")

    async def as_page(request: Request) -> Response:
        """What this API promises, as a page for people."""
        return Response(made[1], media_type="text/html")

    own = [
        Told("/openapi.json", as_json, answers=dict[str, Any]),
        Told("/docs", as_page, answers="text/html"),
    ]
    told = document(title, [*routes, *own])
    made += [msgspec.json.encode(told), _page(title, told)]
    return [*own, *routes]


def _page(title: str, told: dict[str, Any]) -> str:
    sections = "\n".join(
        _section(path, method, operation)
        for path, operations in told["paths"].items()
        for method, operation in operations.items()
    )
    return PAGE.format(title=html.escape(title), sections=sections)


def _section(path: str, method: str, operation: dict[str, Any]) -> str:
    values = [
        f"<p><code>?{html.escape(value['name'])}</code> {html.escape(value.get('description', ''))}</p>"
        for value in operation["parameters"]
        if value["in"] == "query"
    ]
    answers = ", ".join(operation["responses"]["200"]["content"])
    return (
        f"<section><h2>{method.upper()} {html.escape(path)}</h2><p>{html.escape(operation['summary'])}</p>"
        f"{''.join(values)}<p>answers {html.escape(answers)}</p></section>"
    )
