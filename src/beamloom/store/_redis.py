"""A store in Redis or Valkey, which several machines reach, so that a controller on any of them can go on.

Policy: each call is one script, which the server runs whole or not at all. It begins with the number of the controller that has the
pipeline now: one that was overtaken is told so. A server that has lost what it had, as it was started again without its file, is no reason
to decide otherwise: the controller that has the pipeline writes a checkpoint, and all is there again.

All keys of a pipeline carry its name in braces, so that they stay together on a cluster, and pipelines with other names are not touched.
What survives the machine of the server is the server's own policy (``appendonly``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from beamloom.redis_link import Unreachable
from beamloom.store._link import Link
from beamloom.store._store import Overtaken, Stored, StoreError

T = TypeVar("T")

BEGIN = """
redis.call('SETNX', KEYS[2], ARGV[1])
return {redis.call('INCR', KEYS[1]), redis.call('GET', KEYS[2])}
"""
LOAD = """
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[3]), redis.call('LRANGE', KEYS[4], 0, -1),
        redis.call('GET', KEYS[5]), redis.call('LRANGE', KEYS[7], 0, -1), redis.call('HGETALL', KEYS[6])}
"""
APPEND = """
local now = redis.call('GET', KEYS[1])
if now ~= ARGV[1] then return now end
for at = 3, #ARGV do redis.call('RPUSH', KEYS[4], ARGV[at]) end
redis.call('SET', KEYS[5], ARGV[2])
return 'written'
"""
CHECKPOINT = """
local now = redis.call('GET', KEYS[1])
if now and now ~= ARGV[1] then return now end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[5])
redis.call('SET', KEYS[3], ARGV[2])
redis.call('DEL', KEYS[4])
redis.call('SET', KEYS[5], ARGV[3])
for at = 6, #ARGV, 2 do
    redis.call('LREM', KEYS[7], 0, ARGV[at])
    redis.call('RPUSH', KEYS[7], ARGV[at])
    redis.call('HSET', KEYS[6], ARGV[at], ARGV[at + 1])
end
while redis.call('LLEN', KEYS[7]) > tonumber(ARGV[4]) do
    redis.call('HDEL', KEYS[6], redis.call('LPOP', KEYS[7]))
end
return 'written'
"""
NAMES = ("generation", "pipeline", "state", "batches", "noted", "kept", "order")
"""The ends of the keys, in the order in which the scripts count them."""


class RedisStore:
    """The state of the controllers of one pipeline."""

    remedy = "see whether the server runs and can be reached from here"

    def __init__(self, link: Link) -> None:
        """Begins a new generation. Raises StoreError where the server cannot be reached."""
        self._link = link
        self._keys = [link.key(name) for name in NAMES]
        number, name = self._do(lambda: link.script(BEGIN, self._keys, [secrets.token_hex(8)]))
        self.generation = int(number)
        """How many controllers this pipeline has had, this one included."""
        self.pipeline: str = name.decode()
        """A name that no other store has."""

    def load(self) -> Stored:
        """All that is there."""
        answer = self._do(lambda: self._link.script(LOAD, self._keys, []))
        generation, state, batches, noted, order, kept = answer
        self._check(generation)
        bodies = dict(zip(kept[::2], kept[1::2], strict=True))
        return Stored(state, batches, {name.decode(): bodies[name] for name in order}, int(noted or 0))

    def append(self, *batches: bytes, noted: int = 0) -> None:
        """Add to what has happened since the checkpoint."""
        arguments = [self.generation, noted, *batches]
        self._check(self._do(lambda: self._link.script(APPEND, self._keys, arguments)))

    def checkpoint(self, state: bytes, keep: Mapping[str, bytes], most: int, noted: int = 0) -> None:
        """``state`` takes the place of all that was appended."""
        named = [part for item in keep.items() for part in item]
        arguments = [self.generation, state, noted, most, self.pipeline, *named]
        self._check(self._do(lambda: self._link.script(CHECKPOINT, self._keys, arguments)))

    def _do(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Unreachable as error:
            raise StoreError(f"the state cannot be kept at {self._link}: {error}") from error

    def _check(self, answer: Any) -> None:
        if answer in (b"written", str(self.generation).encode()):
            return
        if answer is None:
            raise StoreError(f"the server at {self._link} has lost the state that it had")
        raise Overtaken(
            f"another controller has taken over the pipeline at {self._link} (it is number {answer.decode()}, this one was number "
            f"{self.generation})"
        )

    def close(self) -> None:
        """Release the connection. May be called twice."""
        self._link.close()
