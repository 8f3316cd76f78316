"""The journal of a ledger at a Redis or Valkey server, for engines whose machine may be gone as a whole.

Whoever opens it has it: the number of its owner grows by one, and the server refuses what comes under an older one. Every change is one
script, which the server carries out whole or not at all. An answer that does not come is asked for again, for the same entry, as long as
``PATIENCE``: the script finds out whether it was kept before.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from beamloom.errors import UserError
from beamloom.redis_link import RedisLink, Unreachable
from beamloom.rules.errors import LedgerError, RuleRefused
from beamloom.rules.ledger.journal import Opened, in_journal
from beamloom.rules.ledger.ledger import Ledger

PATIENCE: Final = 30.0
"""Seconds for which a server may be away while an entry is to be kept."""
ANSWER: Final = 5.0
"""Seconds for one answer."""
PAUSE: Final = 0.2

IS_THERE: Final = "return redis.call('EXISTS', KEYS[1])"
OPEN: Final = """
redis.call('INCR', KEYS[1])
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('LRANGE', KEYS[3], 0, -1)}
"""
APPEND: Final = """
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] then return {'owner', owner or ''} end
local there, place = redis.call('LLEN', KEYS[3]), tonumber(ARGV[2])
if there == place then redis.call('RPUSH', KEYS[3], ARGV[3]) return {'kept'} end
if there == place + 1 and redis.call('LINDEX', KEYS[3], -1) == ARGV[3] then return {'kept'} end
return {'place', there}
"""
REPLACE: Final = """
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] then return {'owner', owner or ''} end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[3])
return {'kept'}
"""


class RedisJournal:
    """See the module."""

    def __init__(self, url: str, name: str) -> None:
        """``url`` as ``redis://[user:password@]host:port/number``; nothing is connected yet. Raises RuleRefused."""
        try:
            self._server = RedisLink(url, ANSWER)
        except UserError as error:
            raise RuleRefused(str(error)) from None
        self._keys = [f"beamloom:{{rules/{name}}}:{part}" for part in ("owner", "tables", "entries")]
        self._owner = b""

    def __str__(self) -> str:
        """Where it is, without the password."""
        return f"{self._keys[0].rpartition(':')[0]} at {self._server}"

    def open(self) -> Opened:
        """See ``Journal``; a server that is not there now is told at once."""
        try:
            self._owner, tables, entries = self._server.script(OPEN, self._keys, [])
        except Unreachable as error:
            raise LedgerError(
                f"the server of the ledger {self} does not answer: {error}; start it"
            ) from error
        return Opened(tables, entries)

    def is_used(self) -> bool:
        """Whether anybody has opened it before; also where the server does not answer."""
        try:
            return bool(self._server.script(IS_THERE, self._keys[:1], []))
        except Unreachable:
            return True
        finally:
            self.close()

    def append(self, place: int, entry: bytes) -> None:
        """See ``Journal``."""
        self._change(APPEND, [place, entry])

    def replace(self, tables: bytes) -> None:
        """See ``Journal``."""
        self._change(REPLACE, [tables])

    def close(self) -> None:
        """See ``Journal``. May be called twice."""
        self._server.close()

    def _change(self, script: str, arguments: Sequence[Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                said = self._server.script(script, self._keys, [self._owner, *arguments])
                break
            except Unreachable as error:
                if time.monotonic() >= deadline:
                    raise LedgerError(
                        f"the server of the ledger {self} has not answered for {PATIENCE:g} s: {error}; "
                        "see that it runs, and start the engine again"
                    ) from error
                time.sleep(PAUSE)
        if said[0] == b"owner" and said[1]:
            raise LedgerError(f"another engine has taken over the ledger {self}; this one can do no more")
        if said[0] != b"kept":
            raise LedgerError(
                f"the server of the ledger {self} has forgotten what it had; have it keep its data on disk "
                "(appendonly yes), and start the engine again"
            )


def redis_ledger_is_there(url: str, name: str = "rules") -> bool:
    """Whether there ever was a ledger ``name`` at the server; one that does not answer may have one. Raises RuleRefused."""
    return RedisJournal(url, name).is_used()


def redis_ledger(url: str, name: str = "rules") -> Ledger:
    """The ledger ``name`` at a Redis or Valkey server; whoever had it open before can go on no more. Raises RuleRefused, LedgerError."""
    journal = RedisJournal(url, name)
    return Ledger(in_journal(journal, str(journal)))
