"""A ledger whose journal is at a Redis or Valkey server: who has it, what is kept, and what a server that is away costs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamloom.rules import LedgerError, LocalPool, RuleEngine, RuleRefused, redis_ledger
from beamloom.rules.cutting import Cut
from beamloom.rules.ledger import Ledger, journal, redis_journal
from beamloom.rules.ledger.redis_journal import RedisJournal
from beamloom.rules.spec import Done, StepSpec
from support.patience import PATIENCE
from support.redis_server import RedisServer, redis_server
from support.waiting import until

pytestmark = pytest.mark.processes
SPEC = StepSpec(name="one", kind="Test", task="a:b")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    # The path of a socket is short.
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        yield server


def begun(ledger: Ledger, chunks: int) -> int:
    """A step with so many chunks of one frame."""
    (step,) = ledger.submit([SPEC], [], [], 0.0)
    ledger.release(step, [Cut(place, place + 1) for place in range(chunks)])
    return step


def worked_off(ledger: Ledger, step: int) -> None:
    for work in ledger.claim(step, 1 << 20, 0.0):
        ledger.take([Done(work.lease, 0.0, value=b"5")], 0.0)


def test_the_next_engine_finds_all_that_was_kept_also_after_a_restart_of_the_server(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "ENTRIES", 7)  # the tables as a whole are kept several times
    ledger = redis_ledger(server.url)
    step = begun(ledger, 20)
    worked_off(ledger, step)
    ledger.finalise(step, 20, 1.0)
    ledger.close()
    server.kill()
    server.start()
    ledger = redis_ledger(server.url)
    view = ledger.view(step)
    assert (view.state, view.frames_done, view.finished) == ("done", 20, 1.0)
    assert [part.value for part in ledger.parts(step)[0]] == [5] * 20
    other = redis_ledger(server.url, "another")
    assert other.views() == []
    for one in (ledger, other):
        one.close()


def test_a_server_that_is_away_for_a_moment_is_waited_for_and_nothing_is_kept_twice(
    server: RedisServer,
) -> None:
    ledger = redis_ledger(server.url)
    step = begun(ledger, 3)
    server.kill()
    again = threading.Timer(0.5, server.start)
    again.start()
    worked_off(ledger, step)
    again.join()
    ledger.close()
    ledger = redis_ledger(server.url)
    assert ledger.view(step).frames_done == 3
    ledger.close()


def test_an_entry_whose_answer_was_lost_is_kept_once(server: RedisServer) -> None:
    one = RedisJournal(server.url, "rules")
    one.open()
    one.append(0, b"first")
    one.append(0, b"first")
    one.append(1, b"second")
    assert one.open().entries == [b"first", b"second"]
    one.close()


def test_after_a_server_that_stays_away_everything_is_refused(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_journal, "PATIENCE", 0.3)
    ledger = redis_ledger(server.url)
    step = begun(ledger, 2)
    server.kill()
    with pytest.raises(LedgerError, match="has not answered"):
        worked_off(ledger, step)
    server.start()
    with pytest.raises(LedgerError, match="has not answered"):
        ledger.trouble(step, "it may be ahead of what is known here")
    ledger.close()


def test_a_server_that_forgets_is_told(server: RedisServer) -> None:
    ledger = redis_ledger(server.url)
    step = begun(ledger, 2)
    server.forget()
    server.start()
    with pytest.raises(LedgerError, match="has forgotten"):
        worked_off(ledger, step)
    ledger.close()


def test_wrong_addresses_are_told() -> None:
    with pytest.raises(RuleRefused, match="redis://host:6379/0"):
        redis_ledger("node1")
    with pytest.raises(LedgerError, match="does not answer"):
        redis_ledger("unix:///nowhere/at/all.sock")


@pytest.mark.long
def test_an_engine_on_another_machine_goes_on_when_one_is_killed(server: RedisServer, tmp_path: Path) -> None:
    """Two folders, as two machines have; the files of the series are seen by both."""
    code = (
        "import sys; from beamloom.rules import FunctionRule, LocalPool, RuleEngine\n"
        "from beamloom.rules import redis_ledger\n"
        "with RuleEngine(sys.argv[1], LocalPool(1), ledger=lambda: redis_ledger(sys.argv[2])) as engine:\n"
        "    FunctionRule('support.rule_tasks:tells_where', 40, chunk=1, parameters={'marker': sys.argv[3]}).push(engine).wait()\n"
    )
    (tmp_path / "marker").touch()
    arguments = [str(tmp_path / "one"), server.url, str(tmp_path / "marker")]
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment)

    def pushed() -> bool:
        import redis

        with redis.Redis.from_url(server.url) as client:
            return b"tells_where" in b"".join(client.lrange("beamloom:{rules/rules}:entries", 0, -1))

    try:
        until(pushed, "the rule is in the ledger")
    finally:
        process.kill()
        process.wait()
    (tmp_path / "marker").unlink()
    with RuleEngine(tmp_path / "two", LocalPool(2), ledger=lambda: redis_ledger(server.url)) as engine:
        (rule,) = engine.rules()
        status = rule.wait(PATIENCE)
    assert status["frames"] == {"released": 40, "done": 40, "failed": 0, "final": 40}
