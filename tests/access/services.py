"""A small service behind the gate, and certificates for it."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from beamloom.access import LOOPBACK, Access
from beamloom.transport.http_server import HttpServer


class Small:
    """Something to read, something to change, a question, an echo and a WebSocket."""

    def __init__(self) -> None:
        self.changes = 0
        self.queries: list[str] = []

    async def read(self, request: Request) -> Response:
        self.queries.append(request.url.query)
        return PlainTextResponse("secret result")

    async def change(self, request: Request) -> Response:
        self.changes += 1
        return JSONResponse(len(await request.body()))

    async def ask(self, request: Request) -> Response:
        return JSONResponse(len(await request.body()))

    async def talk(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("secret result")
        async for text in socket.iter_text():
            await socket.send_text(text)

    @contextmanager
    def served(self, access: Access = LOOPBACK) -> Iterator[str]:
        routes = [
            Route("/read", self.read),
            Route("/change", self.change, methods=["POST", "PUT", "DELETE"]),
            Route("/ask", self.ask, methods=["POST"]),
            WebSocketRoute("/talk", self.talk),
        ]
        anybody = Middleware(
            CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"]
        )
        app = Starlette(routes=routes, middleware=[anybody])
        with HttpServer(app, access=access, is_question=lambda path: path == "/ask") as server:
            yield server.url


def make_certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """A certificate that is its own authority, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip
    ssl.create_default_context(cafile=certificate)
    return certificate, key
