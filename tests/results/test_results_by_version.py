"""Readers that come again: tags of what they select, waiting for a change, bodies that are encoded once."""

from __future__ import annotations

import asyncio
import gzip
import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import requests
import zstandard

from beamloom.results import Append, Table
from beamloom.results.bodies import Bodies, Body
from results.publishing import Publisher, published
from support.patience import PATIENCE

Server = tuple[str, Publisher]


@pytest.fixture
def server() -> Iterator[Server]:
    with published({"image": np.arange(12.0).reshape(3, 4), "n": 1, "group": {"a": 1, "b": 2}}) as served:
        yield served


def get(server: Server, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{server[0]}/api/v1/result/{path}", headers=headers, timeout=PATIENCE)


# ---- tags -------------------------------------------------------------------------------------------------------------------


def test_a_tag_stays_while_other_parts_change(server: Server) -> None:
    first = get(server, "$.image")
    server[1].put(n=2)
    again = get(server, "$.image", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert int(again.headers["x-beamloom-version"]) == int(first.headers["x-beamloom-version"]) + 1
    assert again.headers["x-beamloom-run"] == "r1"
    server[1].put(image=np.zeros((3, 4)))
    changed = get(server, "$.image", **{"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


def test_a_tag_is_of_the_slice_the_form_and_the_run(server: Server) -> None:
    tags = [
        get(server, path).headers["etag"]
        for path in ("$.image", "$.image?slice=0", "$.image?slice=1", "$.image?format=npy", "$.*", "$")
    ]
    assert len(set(tags)) == len(tags)
    server[1].new_run("r2", {"image": np.arange(12.0).reshape(3, 4)})
    assert get(server, "$.image", **{"If-None-Match": ", ".join(tags)}).status_code == 200


def test_a_tag_changes_when_less_is_selected(server: Server) -> None:
    first = get(server, "$.group.*?format=json")
    server[1].change(lambda tree: tree["group"].pop("b"))
    again = get(server, "$.group.*?format=json", **{"If-None-Match": first.headers["etag"]})
    assert again.json() == [1]


# ---- waiting ----------------------------------------------------------------------------------------------------------------


def test_waiting_is_answered_as_soon_as_what_is_selected_has_changed(server: Server) -> None:
    version = get(server, "$.n").headers["x-beamloom-version"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, server, f"$.n?wait={version}&timeout=20&format=json")
        while not server[1].desk.waiting:
            assert not waiting.done()
        server[1].put(image=np.ones((3, 4)))
        server[1].put(n=5)
        answer = waiting.result(PATIENCE)
    assert answer.json() == [5]
    assert int(answer.headers["x-beamloom-version"]) > int(version)


def test_waiting_ends_with_304_when_nothing_has_changed_in_time(server: Server) -> None:
    version = int(get(server, "$.n").headers["x-beamloom-version"])
    server[1].put(image=np.ones((3, 4)))
    answer = get(server, f"$.n?wait={version}&timeout=0.05")
    assert (answer.status_code, answer.content) == (304, b"")
    assert int(answer.headers["x-beamloom-version"]) == version + 1


def test_what_has_changed_before_is_not_waited_for(server: Server) -> None:
    version = int(get(server, "$.n").headers["x-beamloom-version"])
    server[1].put(n=2)
    assert get(server, f"$.n?wait={version}&timeout=0&format=json").json() == [2]
    assert get(server, f"$.n?wait={version + 1000}&timeout=0&format=json").json() == [2], "of another life"


def test_a_version_of_the_reducer_before_counts_as_old_however_often_that_has_published(
    server: Server,
) -> None:
    for number in range(30):
        server[1].put(n=number)
        get(server, "$.n")
    version = int(get(server, "$.n").headers["x-beamloom-version"])
    with published({"n": 7, "other": 1}) as anew:
        anew[1].put(other=2)
        answer = get(anew, f"$.n?wait={version}&timeout=0&format=json")
        assert (answer.status_code, answer.json()) == (200, [7])
        assert int(answer.headers["x-beamloom-version"]) > version


def test_what_is_not_there_yet_is_waited_for(server: Server) -> None:
    assert get(server, "$.later?wait=0&timeout=0.05").status_code == 404
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, server, "$.later?wait=0&timeout=20&format=json")
        while not server[1].desk.waiting:
            assert not waiting.done()
        server[1].put(later=7)
        assert waiting.result(PATIENCE).json() == [7]


def test_waiting_is_answered_when_less_is_selected(server: Server) -> None:
    version = get(server, "$.group.*").headers["x-beamloom-version"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, server, f"$.group.*?wait={version}&timeout=20&format=json")
        while not server[1].desk.waiting:
            assert not waiting.done()
        server[1].change(lambda tree: tree["group"].pop("b"))
        assert waiting.result(PATIENCE).json() == [1]


@pytest.mark.parametrize(
    "query", ["wait=x", "wait=-1", "wait=1&timeout=x", "wait=1&timeout=-1", "wait=1&timeout=nan"]
)
def test_a_wrong_wish_to_wait_is_told(server: Server, query: str) -> None:
    answer = get(server, f"$.n?{query}")
    assert answer.status_code == 400
    assert "give" in answer.json()["detail"]


# ---- bodies -----------------------------------------------------------------------------------------------------------------


class Counted:
    """Says how often it was read as an array."""

    def __init__(self) -> None:
        self.reads = 0
        self.lock = threading.Lock()
        self.shape = (1000,)
        self.dtype = np.dtype(float)

    def __getitem__(self, key: Any) -> Any:
        with self.lock:
            self.reads += 1
        return np.zeros(self.shape)[key]


def test_many_readers_of_one_dataset_cost_one_encoding() -> None:
    counted = Counted()
    with published({"array": counted}) as server, ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: get(server, "$.array?format=npy").content, range(50)))
        assert len(set(answers)) == 1
        assert counted.reads == 1
        get(server, "$.array?format=json")
        server[1].put(other=1)
        get(server, "$.array?format=npy")
        assert counted.reads == 3, "an array of which nothing is known is read anew for each version"


def test_bodies_are_kept_up_to_a_number_of_bytes() -> None:
    made: list[int] = []

    async def scenario() -> None:
        bodies = Bodies(most_bytes=250)

        def make(number: int) -> Callable[[], Body]:
            def body() -> Body:
                made.append(number)
                return Body(bytes(100), "text/plain", str(number))

            return body

        for number in (1, 2, 1, 3, 1, 2):
            assert (await bodies.get(number, make(number))).tag == str(number)
            assert bodies.nbytes <= 250
        await bodies.get("large", lambda: Body(bytes(300), "text/plain", "large"))
        assert bodies.nbytes == 200
        with pytest.raises(ZeroDivisionError):
            await bodies.get("wrong", lambda: Body(bytes(1 // 0), "", ""))

    asyncio.run(scenario())
    assert made == [1, 2, 3, 2]


def test_who_asked_first_may_go_away() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def make() -> Body:
        begun.set()
        assert go_on.wait(PATIENCE)
        return Body(b"body", "text/plain", "tag")

    async def scenario() -> Body:
        bodies = Bodies()
        first = asyncio.create_task(bodies.get("key", make))
        await asyncio.to_thread(begun.wait, 10)
        second = asyncio.create_task(bodies.get("key", make))
        first.cancel()
        await asyncio.sleep(0)
        go_on.set()
        return await second

    assert asyncio.run(scenario()).content == b"body"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("*", "zstd"),
        ("*;q=0.1, zstd;q=0", "gzip"),
        ("gzip;q=0", None),
        ("br", None),
        ("", None),
    ],
)
def test_the_coding_is_the_one_that_the_client_prefers(accepted: str, coding: str | None) -> None:
    with published({"zeros": np.zeros(10_000)}) as server:
        url = f"{server[0]}/api/v1/result/$.zeros?format=npy"
        with requests.get(
            url, headers={"Accept-Encoding": accepted}, timeout=PATIENCE, stream=True
        ) as answer:
            body = answer.raw.read(decode_content=False)
    assert answer.headers.get("content-encoding") == coding
    unpack: dict[str | None, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "zstd": zstandard.ZstdDecompressor().decompress,
        None: bytes,
    }
    assert np.array_equal(np.load(io.BytesIO(unpack[coding](body))), np.zeros(10_000))


def test_noise_is_not_compressed() -> None:
    with published({"noise": np.random.default_rng(1).integers(0, 2**63, 10_000)}) as server:
        assert "content-encoding" not in get(server, "$.noise?format=npy").headers


# ---- large arrays -----------------------------------------------------------------------------------------------------------


def test_the_end_of_a_million_rows_is_read_without_the_others() -> None:
    rows = Append().merge(_rows(1_000_000))
    with published({"rows": rows}) as server, requests.Session() as session:
        url = f"{server[0]}/api/v1/result/$.rows.data?slice=-1000:&format=npy"
        times = []
        for number in range(20):
            server[1].change(lambda tree, n=number: tree["rows"].add(1_000_000 + n, 1.0))  # type: ignore[misc]
            begin = time.perf_counter()
            content = session.get(url, timeout=PATIENCE).content
            times.append(time.perf_counter() - begin)
        end = np.load(io.BytesIO(content))
    assert end[-1] == 1.0
    assert end[0] == 1_000_000 + 19 - 999
    assert sorted(times)[len(times) // 2] < 0.2, "a whole copy and its text would take longer"


def _rows(count: int) -> Append:
    return Append.from_wire_state(
        {
            "rows": {
                "coverage": np.array([[0, count]]),
                "events": np.arange(count),
                "values": np.arange(float(count)),
                "fill": None,
                "first": 0,
                "window": None,
            },
            "labels": Append()._labels,
        }
    )


# ---- Arrow ------------------------------------------------------------------------------------------------------------------

ARROW = {"Accept": "application/vnd.apache.arrow.stream"}
RECORDS = np.array(
    [(1, 2.5, "x", [1, 2]), (2, 3.5, "é", [3, 4])], [("a", ">i2"), ("b", "f4"), ("s", "U1"), ("v", "i4", 2)]
)


def _table(server: Server, path: str) -> Any:
    answer = get(server, path, **ARROW)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == ARROW["Accept"]
    return pa.ipc.open_stream(answer.content).read_all()


def test_tables_are_sent_as_arrow() -> None:
    table = Table(units={"energy": "keV"})
    for event in range(3):
        table.add(event, {"energy": event / 2, "name": f"e{event}", "spectrum": np.arange(4) + event})
    tree: dict[str, Any] = {
        "table": table,
        "map": {(float(x), 1): {"roi": x, "none": None if x else 1.5} for x in range(3)},
        "records": RECORDS,
        "columns": {
            "t": np.array(["2026-01-01", "NaT"], "M8[ms]"),
            "z": np.array([1 + 2j, 3]),
            "l": ["a", None],
        },
    }
    with published(tree) as server:
        rows = _table(server, "$.table")
        assert rows.to_pydict() == {
            "energy": [0.0, 0.5, 1.0],
            "name": ["e0", "e1", "e2"],
            "spectrum": [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]],
        }
        assert rows.schema.field("energy").metadata == {b"units": b"keV"}
        assert rows.schema.metadata[b"NX_class"] == b"NXdata"
        assert _table(server, "$.map").to_pydict() == {
            "key_0": [0.0, 1.0, 2.0],
            "key_1": [1, 1, 1],
            "roi": [0, 1, 2],
            "none": [1.5, None, None],
        }
        assert _table(server, "$.records").to_pydict() == {
            "a": [1, 2],
            "b": [2.5, 3.5],
            "s": ["x", "é"],
            "v": [[1, 2], [3, 4]],
        }
        columns = _table(server, "$.columns").to_pydict()
        assert columns["t"][1] is None
        assert columns["z"] == [{"real": 1.0, "imag": 2.0}, {"real": 3.0, "imag": 0.0}]
        assert columns["l"] == ["a", None]
        assert _table(server, "$.records?slice=1:").num_rows == 1


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("$.image", "a ndarray is no table; select a table"),
        ("$.n", "a int is no table"),
        ("$.*", "Arrow holds one table and the path selects 3 parts"),
        ("$.group", "its columns are not of one length (a: no list, b: no list)"),
        ("$", "its columns are not of one length"),
    ],
)
def test_what_is_no_table_is_refused_as_arrow(server: Server, path: str, sentence: str) -> None:
    answer = get(server, path, **ARROW)
    assert answer.status_code == 406
    assert sentence in answer.json()["detail"]


def test_without_pyarrow_the_sentence_says_what_to_install(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    server[1].put(table={"a": [1]})
    answer = get(server, "$.table", **ARROW)
    assert answer.status_code == 406
    assert "pip install 'beamloom[arrow]'" in answer.json()["detail"]
