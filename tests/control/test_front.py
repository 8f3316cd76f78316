"""Several pipelines at one address: each gets what is for it, as it came, and none is touched by what happens in another."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as open_socket

from beamloom.access import Access, Tokens
from beamloom.cli import main
from beamloom.client import connect
from beamloom.control.front import Front, make_front
from beamloom.errors import NotReachable, PipelineError
from beamloom.transport.http_server import HttpServer
from control.live import Live, simple_map
from services.bench import series
from support.patience import PATIENCE
from support.ports import quiet_address


@contextlib.contextmanager
def front_of(**pipelines: str) -> Iterator[str]:
    """The address of a front before pipelines, whose addresses are given by their names."""
    with HttpServer(make_front(Front(pipelines)), access=Access(decided_behind=True)) as server:
        yield server.url


@contextlib.contextmanager
def echoing(access: Access | None = None) -> Iterator[str]:
    """The address of somebody who tells what reaches it."""

    async def told(request: Request) -> Response:
        body = (await request.body()).decode()
        told = {"method": request.method, "path": request.scope["raw_path"].decode(), "body": body}
        return JSONResponse({**told, "query": request.url.query, "headers": dict(request.headers)})

    async def refused(request: Request) -> Response:
        answer = Response(b"compressed", 418, {"content-encoding": "gzip"})
        for kind in ("Bearer", "Basic"):
            answer.headers.append("www-authenticate", kind)
        return answer

    async def echo(websocket: WebSocket) -> None:
        await websocket.accept("second" if "second" in websocket.scope["subprotocols"] else None)
        await websocket.send_text(f"{websocket.headers['host']} {websocket.url.query}")
        await websocket.send_bytes((await websocket.receive_text()).encode())
        await websocket.close(4711, "enough")

    routes = [
        Route("/refused", refused),
        Route("/{path:path}", told, methods=["GET", "POST", "DELETE"]),
        WebSocketRoute("/{path:path}", echo),
    ]
    with HttpServer(Starlette(routes=routes), access=access or Access()) as server:
        yield server.url


@pytest.fixture
def two() -> Iterator[tuple[Live, Live, str]]:
    """Two pipelines and the address of their front."""
    with Live() as a, Live() as b, front_of(a=a.root, b=b.root) as front:
        yield a, b, front


def sequence(front: str, name: str, events: int) -> requests.Response:
    return requests.post(
        f"{front}/pipelines/{name}/api/v1/sequence", json=simple_map(events), timeout=PATIENCE
    )


def get(address: str, **more: Any) -> requests.Response:
    return requests.get(address, timeout=PATIENCE, **more)


def test_a_run_of_each_pipeline_is_its_own(two: tuple[Live, Live, str]) -> None:
    a, b, front = two
    run = sequence(front, "b", 3).json()
    assert b.read("progress")["run"] == run
    assert a.read("progress")["run"] is None
    other = sequence(front, "a", 5).json()
    assert get(f"{front}/pipelines/b/api/v1/progress").json()["run"] == run
    assert get(f"{front}/api/v1/progress").json()["run"] == other


def test_a_stop_of_one_run_leaves_the_other_one(two: tuple[Live, Live, str]) -> None:
    a, b, front = two
    for name in "ab":
        assert sequence(front, name, 3).status_code == 200
    assert requests.post(f"{front}/pipelines/a/api/v1/stop", timeout=PATIENCE).status_code == 200
    assert a.finished()["stopped"]
    assert not b.read("progress")["finished"]
    b.feeds["eiger"].send(series(3))
    ended = b.finished()
    assert (ended["reduced"], ended["lost"], ended["stopped"]) == (5, 0, None)


def test_a_map_that_one_refuses_is_refused_there_alone(two: tuple[Live, Live, str]) -> None:
    _, b, front = two
    assert sequence(front, "b", 2).status_code == 200
    wrong = requests.post(
        f"{front}/pipelines/a/api/v1/sequence", json=simple_map(2, "nope"), timeout=PATIENCE
    )
    assert wrong.status_code == 400
    assert "stream 'nope' not available" in wrong.json()["detail"]
    b.feeds["eiger"].send(series(2))
    assert b.finished()["reduced"] == 4


def test_all_pipelines_are_listed_with_their_runs(two: tuple[Live, Live, str]) -> None:
    _, _, front = two
    run = sequence(front, "b", 3).json()
    listed = get(f"{front}/pipelines").json()
    assert [(one["name"], one["path"], one["problem"]) for one in listed] == [
        ("a", "/pipelines/a", None),
        ("b", "/pipelines/b", None),
    ]
    assert [one["progress"]["run"] for one in listed] == [None, run]


def test_a_pipeline_alone_lists_itself(two: tuple[Live, Live, str]) -> None:
    a, _, _ = two
    (one,) = get(f"{a.root}/pipelines").json()
    assert (one["name"], one["path"], one["problem"]) == ("beamloom", "", None)


def test_a_pipeline_that_does_not_answer_is_told_and_the_other_one_answers() -> None:
    nobody = f"http://{quiet_address()}"
    with Live() as b, front_of(a=nobody, b=b.root) as front:
        refused = get(f"{front}/api/v1/progress")
        assert refused.status_code == 502
        assert "the controller of pipeline 'a' does not answer" in refused.json()["detail"]
        assert get(f"{front}/pipelines/b/api/v1/progress").status_code == 200
        first, second = get(f"{front}/pipelines").json()
        assert "'a' does not answer" in first["problem"]
        assert second["problem"] is None
        with pytest.raises(NotReachable, match="'a' does not answer"):
            connect(front)


def test_a_controller_that_is_started_again_is_found_again() -> None:
    address = quiet_address()
    port = int(address.rpartition(":")[2])
    with front_of(a=f"http://{address}") as front:
        for _ in range(2):
            assert get(f"{front}/anything").status_code == 502
            with HttpServer(Starlette(routes=[Route("/anything", lambda _: Response(b"here"))]), port=port):
                assert get(f"{front}/anything").content == b"here"


def test_a_name_that_is_none_is_told_with_those_that_there_are(two: tuple[Live, Live, str]) -> None:
    _, _, front = two
    refused = get(f"{front}/pipelines/bb/api/v1/progress")
    assert refused.status_code == 404
    sentence = refused.json()["detail"]
    assert sentence.startswith("there is no pipeline 'bb' here")
    assert sentence.endswith("; there are a, b")


def test_the_page_of_a_pipeline_stands_in_a_folder(two: tuple[Live, Live, str]) -> None:
    _, _, front = two
    moved = get(f"{front}/pipelines/b", allow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (308, "/pipelines/b/")
    page = get(f"{front}/pipelines/b/")
    assert page.headers["content-type"].startswith("text/html")
    assert get(f"{front}/pipelines/b/assets/index.js").status_code == 200


def test_a_notebook_names_the_pipeline_that_it_means(two: tuple[Live, Live, str]) -> None:
    _, b, front = two
    with connect(front, pipeline="b") as pipeline, connect(f"{front}/pipelines/b/") as same:
        assert pipeline.url == same.url == f"{front}/pipelines/b"
        run = pipeline.arm(["eiger"], 3)
        b.feeds["eiger"].send(series(3))
        assert same.wait(PATIENCE).run == run
    with connect(front) as first:
        assert first.progress().run is None


@pytest.mark.parametrize("by", ["name", "address"])
def test_a_notebook_that_names_another_one_is_told_which_there_are(
    two: tuple[Live, Live, str], by: str
) -> None:
    _, _, front = two
    with pytest.raises(PipelineError, match=r"there is no pipeline 'zoo' at http.*there are a, b"):
        connect(front, pipeline="zoo") if by == "name" else connect(f"{front}/pipelines/zoo")


def test_a_pipeline_alone_is_found_by_its_name(two: tuple[Live, Live, str]) -> None:
    a, _, _ = two
    with connect(a.root, pipeline="beamloom") as pipeline:
        assert pipeline.url == a.root
    with pytest.raises(PipelineError, match="there is no pipeline 'b'"):
        connect(a.root, pipeline="b")


def test_status_tells_all_pipelines_and_which_of_them_does_not_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Live() as b, front_of(a=f"http://{quiet_address()}", b=b.root) as front:
        assert main(["status", front]) == 1
        told = capsys.readouterr().out
        assert told.startswith("pipeline a\n  the controller of pipeline 'a' does not answer")
        assert "pipeline b\n  no run yet\n  streams: eiger, orca\n" in told
        assert main(["status", "--json", front]) == 1
        states = json.loads(capsys.readouterr().out)["pipelines"]
        assert "does not answer" in states["a"]["problems"][0]
        assert states["b"]["streams"] == ["eiger", "orca"]
        main(["status", f"{front}/pipelines/b"])
        assert capsys.readouterr().out.startswith("no run yet\n")


def test_what_reaches_a_pipeline_is_what_was_asked() -> None:
    with echoing() as there, front_of(a=there) as front:
        odd = "/a%2Fb/%C3%A4/$.c[0:3]?x=1&y=%26&token=secret"
        told = requests.post(
            f"{front}/pipelines/a{odd}",
            data=b"body",
            headers={"Authorization": "Bearer t", "X-Odd": "kept", "Accept-Encoding": None},
            timeout=PATIENCE,
        ).json()
        assert (told["method"], told["body"]) == ("POST", "body")
        assert (told["path"], told["query"]) == ("/a%2Fb/%C3%A4/$.c%5B0:3%5D", "x=1&y=%26")
        headers = told["headers"]
        assert headers["host"] == front.removeprefix("http://")
        assert (headers["authorization"], headers["x-odd"]) == ("Bearer t", "kept")
        assert headers["accept-encoding"] == "identity"
        assert requests.delete(f"{front}/x", timeout=PATIENCE).json()["method"] == "DELETE"


def test_an_answer_comes_back_as_it_was_given() -> None:
    with echoing() as there, front_of(a=there) as front, requests.Session() as session:
        with session.get(f"{front}/refused", stream=True, timeout=PATIENCE) as answer:
            assert answer.status_code == 418
            assert answer.raw.read(decode_content=False) == b"compressed"
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.raw.headers.getlist("www-authenticate") == ["Bearer", "Basic"]


READ, CONTROL = "r" * 32, "c" * 32


def test_each_pipeline_asks_for_its_own_tokens() -> None:
    with (
        echoing(Access(tokens=Tokens(READ, CONTROL))) as guarded,
        echoing() as other,
        front_of(a=guarded, b=other) as front,
    ):
        refused = get(f"{front}/pipelines/a/x")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        held = {"Authorization": f"Bearer {READ}"}
        assert get(f"{front}/pipelines/a/x", headers=held).status_code == 200
        assert get(f"{front}/pipelines/a/x?token={READ}").status_code == 200
        command = requests.post(f"{front}/pipelines/a/x", headers=held, timeout=PATIENCE)
        assert command.status_code == 403
        assert requests.post(f"{front}/pipelines/b/x", timeout=PATIENCE).status_code == 200


def test_whom_no_pipeline_lets_in_is_told_no_names() -> None:
    with (
        echoing(Access(tokens=Tokens(READ, CONTROL))) as guarded,
        front_of(secret=guarded) as front,
    ):
        refused = get(f"{front}/pipelines")
        assert refused.status_code == 401
        assert "secret" not in refused.text
        assert "token" in refused.json()["detail"]


def test_a_page_that_has_its_own_name_point_here_learns_nothing(two: tuple[Live, Live, str]) -> None:
    _, _, front = two
    for path in ("/pipelines", "/pipelines/b/api/v1/progress"):
        assert get(f"{front}{path}", headers={"Host": "evil.example"}).status_code == 403
    command = requests.post(
        f"{front}/pipelines/b/api/v1/stop", headers={"Origin": "http://evil.example"}, timeout=PATIENCE
    )
    assert command.status_code == 403


def test_messages_pass_both_ways_until_one_side_ends_it() -> None:
    with echoing() as there, front_of(a=there) as front:
        address = front.replace("http", "ws", 1)
        with open_socket(f"{address}/pipelines/a/x?after=3", subprotocols=["first", "second"]) as opened:  # type: ignore[list-item]
            assert opened.subprotocol == "second"
            assert opened.recv(PATIENCE) == f"{address.removeprefix('ws://')} after=3"
            opened.send("said")
            assert opened.recv(PATIENCE) == b"said"
            with pytest.raises(ConnectionClosed) as closed:
                opened.recv(PATIENCE)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4711, "enough")


def test_feedback_is_followed_through_the_front(two: tuple[Live, Live, str]) -> None:
    _, b, front = two
    run = sequence(front, "b", 2).json()
    with open_socket(
        f"{front.replace('http', 'ws', 1)}/pipelines/b/api/v1/feedback/stream?run={run}"
    ) as followed:
        b.feeds["eiger"].send(series(2))
        assert json.loads(followed.recv(PATIENCE))["type"] == "over"


@pytest.mark.parametrize(
    ("path", "headers", "status", "sentence"),
    [
        ("/pipelines/zoo/x", {}, 404, "there is no pipeline 'zoo'"),
        ("/pipelines/gone/x", {}, 502, "the controller of pipeline 'gone' does not answer"),
        ("/pipelines/a/x", {"Origin": "http://evil.example"}, 403, "may not read here"),
    ],
    ids=["unknown", "away", "not let in"],
)
def test_a_socket_that_cannot_be_had_is_refused_with_a_sentence(
    path: str, headers: dict[str, str], status: int, sentence: str
) -> None:
    with echoing() as there, front_of(a=there, gone=f"http://{quiet_address()}") as front:
        with pytest.raises(InvalidStatus) as refused:
            open_socket(f"{front.replace('http', 'ws', 1)}{path}", additional_headers=headers)
        assert refused.value.response.status_code == status
        assert sentence in json.loads(refused.value.response.body)["detail"]


def test_what_is_followed_comes_piece_by_piece_and_ends_when_nobody_follows() -> None:
    more, over = threading.Event(), threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"data: 1\n\n"
            await asyncio.to_thread(more.wait, PATIENCE)
            while True:
                yield b"data: 2\n\n"
                await asyncio.sleep(0.01)
        finally:
            over.set()

    async def follow(request: Request) -> Response:
        return StreamingResponse(endless(), media_type="text/event-stream")

    with (
        HttpServer(Starlette(routes=[Route("/follow", follow)])) as server,
        front_of(a=server.url) as front,
    ):
        with requests.get(f"{front}/pipelines/a/follow", stream=True, timeout=PATIENCE) as followed:
            pieces = followed.iter_lines()
            assert next(pieces) == b"data: 1"
            more.set()
            assert next(line for line in pieces if line) == b"data: 2"
        assert over.wait(PATIENCE)


def test_a_controller_that_hangs_holds_up_no_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.control.front.LISTED_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, echoing() as there:
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with front_of(a=hanging, b=there) as front:
            assert get(f"{front}/pipelines/b/x").status_code == 200
            first, _ = get(f"{front}/pipelines").json()
            assert "does not answer in time" in first["problem"]
