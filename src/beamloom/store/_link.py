"""The keys of one pipeline at a Redis or Valkey server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from beamloom.redis_link import RedisLink

TIMEOUT: Final = 1.0
"""Seconds that one call may take."""


class Link:
    """The connection to the server, and where what belongs to the pipeline is there."""

    def __init__(self, url: str, pipeline: str) -> None:
        """``url`` as ``RedisLink`` takes it. Raises UserError."""
        self._server = RedisLink(url, TIMEOUT)
        self._pipeline = pipeline

    def key(self, name: str) -> str:
        """The key of something of this pipeline."""
        return f"beamloom:{{{self._pipeline}}}:{name}"

    def script(self, text: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Have the server run a script, whole or not at all. Raises Unreachable."""
        return self._server.script(text, keys, arguments)

    def close(self) -> None:
        """Release the connection. May be called twice."""
        self._server.close()

    def __str__(self) -> str:
        """Where it is, without the password, and for which pipeline."""
        return f"{self._server} for the pipeline {self._pipeline!r}"
