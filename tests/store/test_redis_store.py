"""The controllers of a pipeline that have their state at a server: who has it, and what when the server is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamloom.errors import UserError
from beamloom.services.shell.whereabouts import with_controller
from beamloom.settings import WorkerSettings
from beamloom.store import Lease, Link, RedisStore, Scribe, Stored, StoreError, Unreachable, where_is_it
from support.patience import PATIENCE
from support.redis_server import RedisServer, redis_server
from support.waiting import until

SHORT = 0.3
"""Seconds of a lease."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as one:
        yield one


def link(server: RedisServer, pipeline: str = "mine") -> Link:
    return Link(server.url, pipeline)


def test_pipelines_of_several_names_share_a_server(server: RedisServer) -> None:
    one, other = RedisStore(link(server, "one")), RedisStore(link(server, "other"))
    one.append(b"of one")
    other.checkpoint(b"of other", {}, 1)
    assert (one.load().batches, other.load().batches) == ([b"of one"], [])
    assert (one.generation, other.generation) == (1, 1)
    assert one.pipeline != other.pipeline


def test_a_server_that_is_away_is_behind_until_it_is_back(server: RedisServer) -> None:
    store = RedisStore(link(server))
    scribe = Scribe(store)
    scribe.append(b"before")
    assert scribe.flush(5)
    server.kill()
    scribe.append(b"not written")
    assert scribe.flush(5)
    assert scribe.behind
    assert "the state cannot be kept at unix:/" in str(scribe.problem)
    server.start()
    scribe.checkpoint(b"all")
    assert scribe.flush(5)
    assert not scribe.behind
    scribe.append(b"after")
    scribe.close()
    found = RedisStore(link(server)).load()
    assert (found.state, found.batches) == (b"all", [b"after"])


def test_a_server_that_has_forgotten_all_is_told_again(server: RedisServer) -> None:
    store = RedisStore(link(server))
    store.checkpoint(b"state", {"run/1": b"one"}, 100)
    server.forget()
    server.start()
    with pytest.raises(StoreError, match="has lost the state that it had"):
        store.append(b"more")
    store.checkpoint(b"state", {"run/1": b"one"}, 100, 3)
    assert store.load() == Stored(b"state", [], {"run/1": b"one"}, 3)
    found = RedisStore(link(server))
    assert (found.generation, found.pipeline) == (store.generation + 1, store.pipeline)


def test_who_stands_by_takes_the_pipeline_when_the_first_one_gives_it_back(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "beamloom")
    first, second = Lease(link(server), "first"), Lease(link(server), "second")
    first.take()
    taken = threading.Thread(target=second.take)
    taken.start()
    while "stands by: the controller 'first', process" not in caplog.text:
        taken.join(0.01)
        assert taken.is_alive()
    first.release()
    taken.join(PATIENCE)
    assert not taken.is_alive()
    second.release()


def test_who_finds_another_one_in_its_place_is_told(server: RedisServer) -> None:
    first = Lease(link(server), "first", SHORT)
    first.take()
    # As if the first one had been suspended until another one took the pipeline.
    other = link(server)
    claim = '{"name": "second", "pid": 12, "host": "there"}'
    other.script("redis.call('SET', KEYS[1], ARGV[1])", [other.key("leader")], [claim])
    moment = threading.Event()
    while first.lost is None:
        moment.wait(0.01)
    assert first.lost.startswith(
        "the controller 'second', process 12 on there has taken over the pipeline at "
    )
    first.release()
    assert other.script("return redis.call('GET', KEYS[1])", [other.key("leader")], []).decode() == claim
    other.close()


def test_a_server_that_is_away_takes_the_pipeline_from_nobody(server: RedisServer) -> None:
    first = Lease(link(server), "first", SHORT)
    first.take()
    server.kill()
    with pytest.raises(Unreachable):
        Lease(link(server), "second", SHORT).take()
    server.start()
    assert first.lost is None
    first.release()


@pytest.mark.parametrize("wrong", ["redis://host:port/0", "http://host/0"])
def test_an_address_that_is_none_is_said_in_a_sentence(wrong: str) -> None:
    pytest.importorskip("redis")
    with pytest.raises(UserError, match=r"is no address of a store .*give one such as redis://host:6379/0"):
        Link(wrong, "mine")


def test_the_password_is_never_shown() -> None:
    pytest.importorskip("redis")
    shown = str(Link("redis://user:secret@store.example:6379/2?ssl_password=secret", "mine"))
    assert shown == "redis://store.example:6379/2 for the pipeline 'mine'"


def test_the_store_says_where_the_controller_is_as_long_as_that_has_the_pipeline(server: RedisServer) -> None:
    seeker = link(server)
    first, second = Lease(link(server), "first"), Lease(link(server), "second")
    first.take()
    assert where_is_it(seeker) is None
    first.announce("tcp://one:10500")
    until(lambda: where_is_it(seeker) == "tcp://one:10500", "the first one says where it is")
    assert where_is_it(link(server, "another")) is None
    first.release()
    assert where_is_it(seeker) is None
    second.take()
    second.announce("tcp://two:10500")
    until(lambda: where_is_it(seeker) == "tcp://two:10500", "the next one says where it is")
    second.release()


def test_who_looks_for_the_controller_waits_for_store_and_controller_and_says_so(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "beamloom")
    server.kill()
    found: list[WorkerSettings] = []
    settings = WorkerSettings(store=server.url, pipeline="mine")
    looking = threading.Thread(target=lambda: found.append(with_controller(settings)))
    looking.start()
    until(
        lambda: "says where the controller is, does not answer" in caplog.text,
        "that the store is away is said",
    )
    server.start()
    until(lambda: "waits for a controller at unix:/" in caplog.text, "that there is no controller is said")
    lease = Lease(link(server), "first")
    lease.take()
    lease.announce("tcp://one:10500")
    looking.join(PATIENCE)
    assert [one.controller for one in found] == ["tcp://one:10500"]
    lease.release()


def test_a_controller_that_is_named_is_not_looked_for(server: RedisServer) -> None:
    named = WorkerSettings(store=server.url, controller="tcp://here:1")
    assert with_controller(named) is named
    assert with_controller(WorkerSettings()).controller == "tcp://127.0.0.1:10500"
