"""The gate: tokens, names and origins, seen from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from starlette.applications import Starlette
from starlette.routing import Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from access.services import Small
from beamloom.access import Access, AccessError, new_tokens
from beamloom.transport.http_server import HttpServer
from support.patience import PATIENCE

TOKENS = new_tokens()
READ, CONTROL = {"Authorization": f"Bearer {TOKENS.read}"}, {"Authorization": f"Bearer {TOKENS.control}"}


@pytest.fixture
def small() -> Small:
    return Small()


@pytest.fixture
def guarded(small: Small) -> Iterator[str]:
    with small.served(Access(TOKENS)) as url:
        yield url


@pytest.fixture
def unguarded(small: Small) -> Iterator[str]:
    with small.served() as url:
        yield url


def ask(method: str, url: str, **more: object) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    with session:
        return session.request(method, url, timeout=PATIENCE, **more)  # type: ignore[arg-type]


# ---- tokens ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer " + "a" * 43},
        {"Authorization": f"Bearer {TOKENS.control[:-1]}"},
        {"Authorization": f"Bearer {TOKENS.control} "[:-2] + "="},
        {"Authorization": f"Digest {TOKENS.control}"},
        {"Authorization": "Basic !!!!"},
        {"Authorization": "Basic dXNlcjo="},
        {"Authorization": "Basic dXNlcg=="},
        {"X-Token": TOKENS.control},
        {"Cookie": f"token={TOKENS.control}"},
    ],
)
def test_an_intruder_reads_nothing_and_changes_nothing(
    headers: dict[str, str], guarded: str, small: Small
) -> None:
    for method, path in [("GET", "read"), ("POST", "change"), ("PUT", "change"), ("DELETE", "change"), ("POST", "ask"),
                         ("OPTIONS", "read"), ("HEAD", "read"), ("GET", "nothing/there")]:  # fmt: skip
        answer = ask(method, f"{guarded}/{path}", headers=headers)
        assert answer.status_code == 401
        assert "secret" not in answer.text
    assert ask("GET", f"{guarded}/read").headers["www-authenticate"].startswith("Bearer")
    assert small.changes == 0
    assert small.queries == []


def test_the_token_to_read_reads_and_asks_and_changes_nothing(guarded: str, small: Small) -> None:
    assert ask("GET", f"{guarded}/read", headers=READ).text == "secret result"
    assert ask("POST", f"{guarded}/ask", headers=READ, data=b"123").json() == 3
    answer = ask("POST", f"{guarded}/change", headers=READ)
    assert answer.status_code == 403
    assert "only reads" in answer.json()["detail"]
    assert small.changes == 0


def test_the_token_to_control_does_both(guarded: str, small: Small) -> None:
    assert ask("GET", f"{guarded}/read", headers=CONTROL).status_code == 200
    assert ask("POST", f"{guarded}/change", headers=CONTROL).status_code == 200
    assert small.changes == 1


def test_a_token_may_be_the_password_of_any_user(guarded: str, small: Small) -> None:
    assert ask("GET", f"{guarded}/read", auth=("anybody", TOKENS.read)).status_code == 200
    assert ask("POST", f"{guarded}/change", auth=("anybody", TOKENS.read)).status_code == 403
    assert ask("POST", f"{guarded}/change", auth=("anybody", TOKENS.control)).status_code == 200


def test_a_token_in_the_address_reads_only_and_nobody_behind_the_gate_sees_it(
    guarded: str, small: Small
) -> None:
    answer = ask("GET", f"{guarded}/read?a=1&token={TOKENS.control}&b=%C3%BC")
    assert answer.status_code == 200
    assert small.queries == ["a=1&b=%C3%BC"]
    assert ask("POST", f"{guarded}/change?token={TOKENS.control}").status_code == 403
    assert ask("GET", f"{guarded}/read?token=wrong").status_code == 401


def test_tokens_are_asked_for_on_this_machine_too(guarded: str) -> None:
    assert "127.0.0.1" in guarded
    assert ask("GET", f"{guarded}/read").status_code == 401


def test_a_websocket_needs_a_token(guarded: str) -> None:
    url = guarded.replace("http", "ws") + "/talk"
    for address in (url, f"{url}?token=wrong"):
        with pytest.raises(InvalidStatus) as refused:
            connect(address, proxy=None)
        assert refused.value.response.status_code == 401
    with connect(f"{url}?token={TOKENS.read}", proxy=None) as socket:
        assert socket.recv() == "secret result"
    with connect(url, additional_headers=READ, proxy=None) as socket:
        assert socket.recv() == "secret result"


# ---- pages and names ---------------------------------------------------------------------------------------------------------------


def test_pages_of_other_origins_change_nothing_without_a_token(unguarded: str, small: Small) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:8000", "file://"):
        answer = ask("POST", f"{unguarded}/change", headers={"Origin": origin})
        assert answer.status_code == 403
        assert "http_origins" in answer.json()["detail"]
    assert small.changes == 0


def test_pages_of_this_machine_may_read_without_a_token_and_others_not(unguarded: str) -> None:
    for origin in ("http://127.0.0.1:1", "http://localhost:8000", "http://[::1]:80"):
        assert ask("GET", f"{unguarded}/read", headers={"Origin": origin}).status_code == 200
    for origin in ("http://evil.example", "null", "http://localhost.evil.example"):
        answer = ask("GET", f"{unguarded}/read", headers={"Origin": origin})
        assert answer.status_code == 403
        assert "secret" not in answer.text


def test_our_own_pages_may_command(unguarded: str, small: Small) -> None:
    assert ask("POST", f"{unguarded}/change", headers={"Origin": unguarded}).status_code == 200
    assert small.changes == 1


def test_pages_of_origins_in_the_settings_may_command(small: Small) -> None:
    with small.served(Access(origins=frozenset({"https://viewer.example"}))) as url:
        assert ask("POST", f"{url}/change", headers={"Origin": "https://viewer.example"}).status_code == 200
        assert (
            ask("POST", f"{url}/change", headers={"Origin": "https://viewer.example.evil"}).status_code == 403
        )


def test_a_browser_is_told_before_it_commands_for_a_strange_page(unguarded: str) -> None:
    asked = {"Origin": "http://localhost:8000", "Access-Control-Request-Method": "POST"}
    assert ask("OPTIONS", f"{unguarded}/change", headers=asked).status_code == 403
    assert ask("OPTIONS", f"{unguarded}/ask", headers=asked).status_code == 200


def test_a_password_that_a_browser_sends_by_itself_does_not_command_for_a_strange_page(
    guarded: str, small: Small
) -> None:
    strange = {"Origin": "http://evil.example"}
    assert ask("POST", f"{guarded}/change", auth=("me", TOKENS.control), headers=strange).status_code == 403
    assert ask("GET", f"{guarded}/read", auth=("me", TOKENS.control), headers=strange).status_code == 403
    assert ask("POST", f"{guarded}/change", headers={**CONTROL, **strange}).status_code == 200
    assert small.changes == 1


def test_a_page_of_another_origin_that_has_a_token_may_ask(guarded: str) -> None:
    asked = {"Origin": "http://viewer.example", "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "authorization"}  # fmt: skip
    # Browsers ask this without a token.
    answer = ask("OPTIONS", f"{guarded}/read", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-headers"] == "authorization"
    answer = ask("GET", f"{guarded}/read", headers={**READ, "Origin": "http://viewer.example"})
    assert (answer.text, answer.headers["access-control-allow-origin"]) == ("secret result", "*")


def test_websockets_that_are_turned_away_are_no_errors_of_the_service(
    guarded: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus):
        connect(guarded.replace("http", "ws") + "/talk", proxy=None)
    with connect(guarded.replace("http", "ws") + "/talk", additional_headers=READ, proxy=None) as socket:
        assert socket.recv() == "secret result"
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_strange_page_opens_no_websocket(unguarded: str) -> None:
    url = unguarded.replace("http", "ws") + "/talk"
    with pytest.raises(InvalidStatus) as refused:
        connect(url, origin=Origin("http://evil.example"), proxy=None)
    assert refused.value.response.status_code == 403


def test_a_name_that_somebody_points_at_this_machine_is_turned_away(unguarded: str, small: Small) -> None:
    port = unguarded.rpartition(":")[2]
    for host in (f"evil.example:{port}", "evil.example", "127.0.0.1.evil.example", "", "[::1", "a@b"):
        for method, path in (("GET", "read"), ("POST", "change")):
            answer = ask(method, f"{unguarded}/{path}", headers={"Host": host})
            assert answer.status_code in (400, 403)
    assert small.changes == 0
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "192.0.2.7"):
        assert ask("GET", f"{unguarded}/read", headers={"Host": host}).status_code == 200


def test_names_in_the_settings_are_ours(small: Small) -> None:
    with small.served(Access(names=frozenset({"beamline.example"}))) as url:
        assert ask("GET", f"{url}/read", headers={"Host": "Beamline.Example:5000"}).status_code == 200


def test_with_a_token_any_name_will_do(guarded: str) -> None:
    assert ask("GET", f"{guarded}/read", headers={**READ, "Host": "proxy.example"}).status_code == 200


# ---- listening --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_nothing_is_listened_on_elsewhere_without_a_token(host: str, small: Small) -> None:
    server = HttpServer(small.read, host)
    with pytest.raises(AccessError, match=re.escape("make some with 'beamloom keys'")):
        server.start()


def test_listening_elsewhere_without_a_token_takes_saying_so(small: Small) -> None:
    for access in (Access(TOKENS), Access(open=True)):
        with HttpServer(Starlette(routes=[Route("/read", small.read)]), "0.0.0.0", access=access) as server:
            answer = ask("GET", f"http://127.0.0.1:{server.port}/read")
            assert answer.status_code == (401 if access.tokens else 200)


def test_answers_tell_browsers_to_be_careful(unguarded: str) -> None:
    headers = ask("GET", f"{unguarded}/read").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "no-referrer"
