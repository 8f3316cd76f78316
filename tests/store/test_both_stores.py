"""What a store promises, whatever it is made of: whole or not at all, one writer, the latest kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from beamloom.store import Link, Overtaken, RedisStore, Scribe, SqliteStore, Store, Stored
from support.redis_server import redis_server

Open = Callable[[], Store]


@pytest.fixture(params=["sqlite", "redis"])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store once more, as another controller."""
    with ExitStack() as stack:
        if request.param == "redis":
            server = stack.enter_context(redis_server(tmp_path))

        def opened() -> Store:
            if request.param == "redis":
                store: Store = RedisStore(Link(server.url, "mine"))
            else:
                store = SqliteStore(tmp_path)
            stack.callback(store.close)
            return store

        yield opened


def test_what_was_appended_since_the_checkpoint_is_there_again(another: Open) -> None:
    store = another()
    assert store.load() == Stored(None, [], {})
    store.append(b"before")
    store.checkpoint(b"state", {"run/1": b"one"}, 100)
    store.append(b"first", b"second", noted=7)
    found = another()
    assert found.load() == Stored(b"state", [b"first", b"second"], {"run/1": b"one"}, 7)
    assert (found.generation, found.pipeline) == (2, store.pipeline)


def test_only_the_latest_of_what_is_kept_by_name_stay(another: Open) -> None:
    store = another()
    for number in range(7):
        store.checkpoint(b"", {f"run/{number}": bytes([number])}, 3)
    store.checkpoint(b"", {"run/4": b"again"}, 3)
    assert store.load().kept == {"run/5": bytes([5]), "run/6": bytes([6]), "run/4": b"again"}
    assert list(store.load().kept) == ["run/5", "run/6", "run/4"]


def test_who_was_overtaken_writes_no_more(another: Open) -> None:
    first = another()
    second = another()
    second.append(b"mine")
    for late in (lambda: first.append(b"late"), lambda: first.checkpoint(b"late", {}, 1), first.load):
        with pytest.raises(Overtaken, match="number 2, this one was number 1"):
            late()
    assert second.load().batches == [b"mine"]
    scribe = Scribe(first)
    scribe.append(b"later")
    assert scribe.flush(5)
    assert scribe.overtaken is not None
    scribe.close()
