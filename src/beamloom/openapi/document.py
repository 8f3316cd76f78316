"""The document itself (OpenAPI 3.1), of the routes of an application."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from starlette.routing import BaseRoute

from beamloom.openapi.routes import ENDLESS, JSON, Refused, Told
from beamloom.version import VERSION

REF = "#/components/schemas/{name}"
PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")
ANY_TEXT = {"type": "string", "minLength": 1}
IN_PATH: dict[str, dict[str, Any]] = {
    "": ANY_TEXT,
    "path": ANY_TEXT,
    "int": {"type": "integer", "minimum": 0},
}
"""Schemas of what stands in the place of a parameter, by the convertor of Starlette."""


def document(title: str, routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """What the routes promise; those that tell nothing (pages, WebSockets) are left out."""
    told = [route for route in routes if isinstance(route, Told)]
    paths: dict[str, dict[str, Any]] = {}
    for route in told:
        operations = paths.setdefault(PARAMETER.sub(r"{\1}", route.path), {})
        for method in sorted((route.methods or set()) - {"HEAD"}):
            operations[method.lower()] = _operation(route, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": VERSION},
        "security": [{}, {"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": _components(tuple(_types(told))),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Any user, the token as password.",
                },
            },
        },
    }


def _types(told: Iterable[Told]) -> Iterator[Any]:
    yield Refused
    for route in told:
        for kind in (route.answers, route.takes, *route.also.values()):
            if kind is not None and not isinstance(kind, str):
                yield kind


def _components(types: tuple[Any, ...]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(types, ref_template=REF)
    return dict(components)


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return schema


def _operation(route: Told, method: str) -> dict[str, Any]:
    name = re.sub(r"\W+", "_", route.path).strip("_") or "root"
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}_{name}",
        "summary": route.says,
        "parameters": [*_in_path(route.path), *_in_query(route)],
        "responses": {
            "200": {"description": "What was asked for.", "content": _content(route.answers)},
            "4XX": _refusal("What was asked for cannot be had, or the request is wrong."),
            "503": _refusal("Not now; ask again."),
            **{str(status): _refusal(told) for status, told in sorted(route.also.items())},
        },
    }
    if route.takes is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.takes)}
    if route.endless:
        operation[ENDLESS] = True
    return operation


def _content(kind: Any) -> dict[str, Any]:
    if isinstance(kind, str):
        return {media_type: {} for media_type in kind.split()}
    return {JSON: {"schema": _schema(kind)}}


def _refusal(told: Any) -> dict[str, Any]:
    if told is None:
        return {"description": "The client has it already, or nothing has changed in time."}
    if isinstance(told, str):
        return {"description": told, "content": _refused_content()}
    return {"description": "Not now, and why.", "content": _content(told)}


@functools.cache
def _refused_content() -> dict[str, Any]:
    return _content(Refused)


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": IN_PATH[kind]}
        for name, kind in PARAMETER.findall(path)
    ]


def _in_query(route: Told) -> list[dict[str, Any]]:
    return [
        {
            "name": value.name,
            "in": "query",
            "description": value.says,
            "schema": {"type": "array", "items": _schema(value.kind)}
            if value.repeated
            else _schema(value.kind),
        }
        for value in route.query
    ]
