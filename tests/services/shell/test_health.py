"""What Kubernetes and systemd are told of a process: whether it lives, and whether it takes part."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from beamloom.services.shell.health import NOBODY_HEARS, SILENCE, Health, HealthPortError, health_of
from beamloom.settings import WorkerSettings
from support.patience import PATIENCE
from support.ports import quiet_port
from support.waiting import until


class Clock:
    """Time that goes on when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_process_lives_while_it_starts_and_is_ready_when_it_takes_part() -> None:
    clock = Clock()
    health = Health(clock)
    clock.now += 10 * SILENCE
    assert (health.stuck(), health.not_ready()) == (None, "it starts, or stands by")
    health.lives()
    health.ready("the controller has not answered")
    assert (health.stuck(), health.not_ready()) == (None, "the controller has not answered")
    health.ready()
    assert (health.stuck(), health.not_ready()) == (None, None)


def test_a_process_that_gives_no_sign_of_life_is_stuck_and_not_ready_until_it_does() -> None:
    clock = Clock()
    health = Health(clock)
    health.ready()
    turn = health.watching(lambda: "why it ends")
    assert turn() == "why it ends"
    clock.now += SILENCE + 1
    assert health.stuck() == health.not_ready() == "no sign of life for 31 s"
    turn()
    assert (health.stuck(), health.not_ready()) == (None, None)


def test_it_is_asked_over_http_without_a_token() -> None:
    port = quiet_port()
    address = f"http://127.0.0.1:{port}"
    with health_of(WorkerSettings(health_port=port)) as health:
        health.lives()
        assert requests.get(f"{address}/readyz", timeout=PATIENCE).status_code == 503
        health.ready()
        for path, says in (("livez", "lives\n"), ("readyz", "is ready\n")):
            answer = requests.get(f"{address}/{path}", timeout=PATIENCE)
            assert (answer.status_code, answer.text) == (200, says)
        assert requests.get(f"{address}/else", timeout=PATIENCE).status_code == 404


def test_nobody_waits_for_a_network_without_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(name: str = "") -> str:
        asked.append(name)
        return name

    monkeypatch.setattr(socket, "getfqdn", ask)
    port = quiet_port()
    with health_of(WorkerSettings(health_port=port)):
        assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=PATIENCE).status_code == 200
    assert asked == []


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(HealthPortError, match=r"cannot be listened on .*give another one with --health-port"),
        health_of(WorkerSettings(health_port=taken.getsockname()[1])),
    ):
        pass


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd would listen at."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        yield listener


def test_systemd_hears_of_it_from_the_start_to_the_end(systemd: socket.socket) -> None:
    heard: list[str] = []

    def hears(text: str) -> bool:
        heard.append(systemd.recv(4096).decode())
        return heard[-1] == text

    with health_of(WorkerSettings()) as health:
        until(lambda: hears("READY=1\nSTATUS=it starts, or stands by"), "it has started")
        until(lambda: hears("WATCHDOG=1"), "it lives while it starts")
        health.ready()
        until(lambda: hears("READY=1\nSTATUS=takes part"), "it takes part")
    until(lambda: hears("STOPPING=1"), "it ends")


def test_where_nobody_asks_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with health_of(WorkerSettings()) as health:
        assert health is NOBODY_HEARS

        def ended() -> None:
            return None

        assert health.watching(ended) is ended
