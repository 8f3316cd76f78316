"""The controller and the reducer as any client sees them: JSON over HTTP."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

import msgspec

from beamloom.errors import UserError


class NoAnswer(UserError):
    """A process that does not answer over HTTP."""


class Refused(UserError):
    """A request that was answered with an error; the text is the answer's sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def get(url: str, path: str, *, timeout: float = 5.0) -> Any:
    """What is at ``path``. Raises NoAnswer, or Refused."""
    return _ask(url, "GET", path, None, timeout)


def post(url: str, path: str, content: Any, *, timeout: float = 30.0) -> Any:
    """The answer to ``content``. Raises NoAnswer, or Refused."""
    return _ask(url, "POST", path, msgspec.json.encode(content), timeout)


def _ask(url: str, method: str, path: str, body: bytes | None, timeout: float) -> Any:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=timeout)
    try:
        connection.request(method, path, body, {"Accept": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{url}{path} does not answer: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(
            answer.status, _sentence(text) or f"{url}{path} answers with the status {answer.status}"
        )
    return msgspec.json.decode(text)


def _sentence(text: bytes) -> str:
    try:
        detail = msgspec.json.decode(text, type=dict[str, Any]).get("detail", "")
    except msgspec.DecodeError:
        return ""
    return str(detail)
