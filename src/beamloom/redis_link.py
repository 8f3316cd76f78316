"""A connection to a Redis or Valkey server, for whoever keeps something there.

Every change is a script, which the server runs whole or not at all. What a call that failed has done is not known: who needs it asks again,
and a script that may be run twice finds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from beamloom.errors import UserError

if TYPE_CHECKING:
    import redis


class Unreachable(Exception):
    """The server did not answer, or not as it should; the text says how."""


class RedisLink:
    """One connection, which is made again when it breaks."""

    def __init__(self, url: str, seconds: float) -> None:
        """``url`` as ``redis://[user:password@]host:port/number`` (or ``rediss://``, ``unix://``); nothing is connected yet.

        ``seconds`` are those that one answer may take. Raises UserError where the library is missing or the address is none.
        """
        self._client = _client(url, seconds)
        self._url = url
        self._scripts: dict[str, Any] = {}

    def script(self, text: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Have the server run a script. Raises Unreachable."""
        import redis

        if text not in self._scripts:
            self._scripts[text] = self._client.register_script(text)
        try:
            return self._scripts[text](keys=list(keys), args=list(arguments))
        except redis.RedisError as error:
            raise Unreachable(str(error).rstrip(".") or type(error).__name__) from error

    def close(self) -> None:
        """Release the connection. May be called twice."""
        self._client.close()

    def __str__(self) -> str:
        """Where it is, without the password."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _client(url: str, seconds: float) -> redis.Redis:
    try:
        import redis
    except ImportError:
        raise UserError(
            "a store in Redis or Valkey needs the redis package; install it with: pip install 'beamloom[redis]'"
        ) from None
    try:
        # A call that failed is told at once: who writes comes again by itself.
        return redis.Redis.from_url(
            url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=None, health_check_interval=0
        )
    except ValueError as error:
        raise UserError(
            f"{url!r} is no address of a store ({error}); give one such as redis://host:6379/0"
        ) from None
