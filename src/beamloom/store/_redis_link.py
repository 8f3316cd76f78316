"""The connection to a Redis or Valkey server, for the keys of one pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from beamloom.errors import UserError

if TYPE_CHECKING:
    import redis

T = TypeVar("T")

TIMEOUT = 1.0
"""Seconds that one call may take."""


class Unreachable(Exception):
    """The server did not answer, or not as it should; the text says how."""


class Link:
    """One connection, which is made again when it breaks."""

    def __init__(self, url: str, pipeline: str) -> None:
        """``url`` as ``redis://[user:password@]host:port/number`` (or ``rediss://``, ``unix://``); nothing is connected yet.

        Raises UserError where the library is missing or the address is none.
        """
        self._client = _client(url)
        self._url = url
        self._prefix = f"beamloom:{{{pipeline}}}:"
        self._pipeline = pipeline
        self._scripts: dict[str, Any] = {}

    def key(self, name: str) -> str:
        """The key of something of this pipeline."""
        return self._prefix + name

    def script(self, text: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Have the server run a script, whole or not at all. Raises Unreachable."""
        if text not in self._scripts:
            self._scripts[text] = self._client.register_script(text)
        return self._call(lambda: self._scripts[text](keys=list(keys), args=list(arguments)))

    def _call(self, call: Callable[[], T]) -> T:
        import redis

        try:
            return call()
        except redis.RedisError as error:
            raise Unreachable(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Release the connection. May be called twice."""
        self._client.close()

    def __str__(self) -> str:
        """Where it is, without the password, and for which pipeline."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} for the pipeline {self._pipeline!r}"


def _client(url: str) -> redis.Redis:
    try:
        import redis
    except ImportError:
        raise UserError(
            "a store in Redis or Valkey needs the redis package; install it with: pip install 'beamloom[redis]'"
        ) from None
    try:
        # A call that failed is told at once: who writes comes again by itself.
        return redis.Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=None, health_check_interval=0
        )
    except ValueError as error:
        raise UserError(
            f"{url!r} is no address of a store ({error}); give one such as redis://host:6379/0"
        ) from None
