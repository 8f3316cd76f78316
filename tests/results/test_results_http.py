"""Results over real HTTP, as notebooks and viewers read them."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import io
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import requests

from beamloom.results.http import make_app
from beamloom.results.snapshot import Snapshot
from beamloom.transport.http_server import HttpServer
from results.publishing import published
from support.patience import PATIENCE

TREE: dict[str, Any] = {
    "map": {(float(x), float(y)): 10 * x + y for x in range(5) for y in range(4)},
    "image": np.arange(1200.0).reshape(30, 40),
    "a": {"b c": [1, 2]},
    "lock": {"it": threading.Lock()},
}
LARGE_PART = {"map": TREE["map"], "image": TREE["image"]}


class FixedReader:
    """Serves one tree."""

    def __init__(self, publish: Any, version: int = 7, run: str | None = "r1", lock: Any = None) -> None:
        self.current = Snapshot(version, run, publish, lock)

    async def snapshot(self) -> Snapshot:
        return self.current

    async def newer(self, version: int) -> Snapshot:
        never: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        return await never

    async def status(self) -> dict[str, Any]:
        return {"run": self.current.run, "events": np.int64(20), "rate": float("nan")}


@contextlib.contextmanager
def served(publish: Any, *, cors: bool = False, lock: Any = None) -> Iterator[str]:
    with HttpServer(make_app(FixedReader(publish, lock=lock), cors=cors)) as server:
        yield server.url


@pytest.fixture
def server() -> Iterator[str]:
    with served(TREE, cors=True) as url:
        yield url


Get = Callable[..., requests.Response]


@pytest.fixture
def get(server: str) -> Get:
    def get_path(path: str, **options: Any) -> requests.Response:
        return requests.get(f"{server}/api/v1/{path}", timeout=PATIENCE, **options)

    return get_path


def test_the_line_of_the_notebooks_gives_the_map() -> None:
    with served(LARGE_PART) as url:
        assert pickle.loads(requests.get(f"{url}/api/v1/result/$").content)[0]["map"] == TREE["map"]


@pytest.mark.parametrize("path", ["result", "result/", "result/$", "result/%24"])
def test_every_spelling_of_the_root_is_the_tree(path: str) -> None:
    with served(LARGE_PART) as url:
        response = requests.get(f"{url}/api/v1/{path}", timeout=PATIENCE)
    assert response.headers["content-type"] == "application/x.pickle"
    (tree,) = pickle.loads(response.content)
    assert tree.keys() == LARGE_PART.keys()


def test_the_oldest_address_gives_the_tree_itself() -> None:
    with served(LARGE_PART) as url:
        assert (
            pickle.loads(requests.get(f"{url}/api/v1/result/pickle", timeout=PATIENCE).content)["map"]
            == TREE["map"]
        )


def test_a_slice_in_the_old_spelling_and_apart_give_the_same(get: Get) -> None:
    expected = TREE["image"][::2, 4:8]
    for response in (
        get("result/$.image.`numpy(::2,4:8)`"),
        get("result/$.image", params={"slice": "::2,4:8"}),
        get("result/image?slice=::2,4:8"),
    ):
        (array,) = pickle.loads(response.content)
        assert np.array_equal(array, expected)


def test_json_is_sent_to_who_accepts_it(get: Get) -> None:
    response = get("result/$.map", headers={"Accept": "application/json"})
    assert response.headers["content-type"] == "application/json"
    columns = response.json()[0]
    assert [columns[name][-1] for name in ("key_0", "key_1", "value")] == [4.0, 3.0, 43.0]
    assert get("result/$.map['4.0,3.0']?format=json").json() == [43.0]
    assert get("result/$.map.value?slice=-1&format=json").json() == [43.0]
    assert get("result/$['a']['b c'][*]?format=json").json() == [1, 2]


def test_npy_is_the_array_alone(get: Get) -> None:
    response = get("result/$.image?slice=3", headers={"Accept": "application/x-npy"})
    assert response.headers["content-type"] == "application/x-npy"
    assert np.array_equal(np.load(io.BytesIO(response.content)), TREE["image"][3])


def test_of_two_accepted_forms_the_one_that_fits_is_sent(get: Get) -> None:
    header = {"Accept": "application/x-npy, application/json;q=0.5"}
    assert get("result/$.image", headers=header).headers["content-type"] == "application/x-npy"
    assert get("result/$.map", headers=header).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "options", "status", "sentence"),
    [
        ("result/$.imag", {}, 404, "$ has no 'imag' (did you mean 'image'?); it has map, image, a, lock."),
        ("result/$.a[", {}, 400, "is malformed"),
        ("result/$.image?slice=x", {}, 400, "the slice 'x' is malformed"),
        ("result/$.image?slice=0,0,0", {}, 400, "does not fit $.image, an array of shape (30, 40)"),
        ("result/$.image?format=xml", {}, 406, "there is no format 'xml'"),
        ("result/$.map?format=npy", {}, 406, "npy holds an array and the path selects a dict"),
        ("result/$.image", {"headers": {"Accept": "text/html"}}, 406, "accept one of application/x.pickle"),
        ("result/$", {}, 406, "cannot be pickled"),
        ("result/$.lock?format=json", {}, 406, "[0]['it'] is a _thread.lock"),
        ("result/pickle", {}, 406, "cannot be pickled"),
        ("results", {}, 404, "there is nothing at /api/v1/results; results are at /api/v1/result/"),
        ("result/" + "$" + "[0]" * 3000, {}, 404, "has no [0]"),
        ("result/$.é", {}, 404, "has no 'é'"),
        ("result/$.a%00", {}, 400, "is malformed"),
    ],
)
def test_every_mistake_is_a_sentence_in_json(
    get: Get, path: str, options: dict[str, Any], status: int, sentence: str
) -> None:
    response = get(path, **options)
    assert response.headers["content-type"] == "application/json"
    assert sentence in response.json()["detail"]
    assert response.status_code == status


def test_results_can_only_be_read(server: str) -> None:
    response = requests.post(f"{server}/api/v1/result/$", timeout=PATIENCE)
    assert (response.status_code, response.json()["detail"]) == (
        405,
        "POST is not possible at /api/v1/result/$; results can only be read, by GET.",
    )


def test_without_a_tree_the_sentence_says_so() -> None:
    with served(None) as url:
        response = requests.get(f"{url}/api/v1/result/$", timeout=PATIENCE)
    assert response.status_code == 404
    assert "publishes nothing yet" in response.json()["detail"]


def test_the_status_is_json(get: Get) -> None:
    assert get("status").json() == {"run": "r1", "events": 20, "rate": None}


def test_what_is_known_already_is_not_sent_again() -> None:
    reader = FixedReader(LARGE_PART)
    with HttpServer(make_app(reader)) as server:
        url = f"{server.url}/api/v1/result/$.image"
        first = requests.get(url, timeout=PATIENCE)
        tag = first.headers["etag"]
        again = requests.get(url, headers={"If-None-Match": f'"other", {tag}'}, timeout=PATIENCE)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        as_json = requests.get(
            url, headers={"If-None-Match": tag, "Accept": "application/json"}, timeout=PATIENCE
        )
        assert as_json.status_code == 200
        reader.current = Snapshot(8, "r1", LARGE_PART)
        assert requests.get(url, headers={"If-None-Match": tag}, timeout=PATIENCE).status_code == 200
        reader.current = Snapshot(7, "r2", LARGE_PART)
        assert requests.get(url, headers={"If-None-Match": tag}, timeout=PATIENCE).status_code == 200


def test_large_bodies_of_text_and_numbers_are_compressed_for_who_accepts_that(get: Get) -> None:
    for name, compressed in (("json", "gzip"), ("npy", "gzip"), ("pickle", None)):
        response = get(f"result/$.image?format={name}")
        assert response.headers.get("content-encoding") == compressed
        plain = get(f"result/$.image?format={name}", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == response.content
        assert "Accept-Encoding" in response.headers["vary"]
    assert "content-encoding" not in get("result/$.a?format=json").headers


def test_pages_of_other_origins_may_read_when_that_is_allowed(get: Get) -> None:
    origin = {"Origin": "http://localhost:8888"}
    assert get("result/$.a", headers=origin).headers["access-control-allow-origin"] == "*"
    with served(LARGE_PART) as url:
        response = requests.get(f"{url}/api/v1/result/$.map", headers=origin, timeout=PATIENCE)
        assert "access-control-allow-origin" not in response.headers


def test_the_lock_of_the_analysis_is_held_while_the_tree_is_read() -> None:
    held: list[bool] = []
    lock = threading.Lock()

    class Watched:
        def __reduce__(self) -> tuple[type[dict[str, int]], tuple[()]]:
            held.append(lock.locked())
            return dict, ()

    with served({"watched": Watched()}, lock=lock) as url:
        response = requests.get(f"{url}/api/v1/result/$.watched", timeout=PATIENCE)
    assert pickle.loads(response.content) == [{}]
    assert held == [True]
    assert not lock.locked()


class Changing(collections.UserDict[str, int]):
    """Changes while it is read, ``times`` times."""

    def __init__(self, times: int) -> None:
        super().__init__(a=1)
        self.times = times

    def __iter__(self) -> Iterator[str]:
        self.times -= 1
        if self.times >= 0:
            raise RuntimeError("dictionary changed size during iteration")
        return super().__iter__()


def test_a_tree_that_changes_while_it_is_read_is_read_again() -> None:
    for path in ("$.t", "$.t.*"):
        with served({"t": Changing(4)}) as url:
            response = requests.get(f"{url}/api/v1/result/{path}?format=json", timeout=PATIENCE)
            assert response.status_code == 200
        with served({"t": Changing(5)}) as url:
            response = requests.get(f"{url}/api/v1/result/{path}?format=json", timeout=PATIENCE)
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            assert "the tree changed each time while it was read" in response.json()["detail"]


def test_a_dictionary_that_grows_in_another_thread_is_read_whole() -> None:
    growing: dict[tuple[int, int], int] = {(0, 0): 0}
    stop = threading.Event()

    def grow() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            growing[number % 300, number] = number
            if len(growing) > 3000:
                growing.clear()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        with served({"map": growing}) as url:
            for name in ("json", "pickle") * 5:
                response = requests.get(f"{url}/api/v1/result/$.map?format={name}", timeout=PATIENCE)
                assert response.status_code in (200, 503)
    finally:
        stop.set()
        thread.join()


class Faulty(collections.UserDict[str, int]):
    """Published by an analysis with a mistake."""

    def __getitem__(self, key: str) -> int:
        raise ZeroDivisionError("no counts yet")


def test_a_mistake_of_the_analysis_is_told_with_its_error(caplog: pytest.LogCaptureFixture) -> None:
    with served({"t": Faulty(a=1)}) as url:
        response = requests.get(f"{url}/api/v1/result/$.t?format=json", timeout=PATIENCE)
    assert response.status_code == 500
    assert "cannot be read (ZeroDivisionError: no counts yet)" in response.json()["detail"]
    assert "in __getitem__" in caplog.text


class Gone:
    """A dataset of a file that is not there any more."""

    shape = (5,)
    dtype = np.dtype(float)

    def __getitem__(self, key: Any) -> Any:
        raise OSError("the file is gone")


def test_what_is_gone_is_told_by_every_route_that_reads_it() -> None:
    with served({"frames": Gone(), "n": 1}) as url:
        (dataset,) = [
            one
            for one in requests.get(f"{url}/datasets", timeout=PATIENCE).json()["datasets"]
            if requests.get(f"{url}/datasets/{one}/shape", timeout=PATIENCE).json()["shape"].get("dims")
        ]
        for path in ("api/v1/elements?path=frames", "api/v1/shown?path=frames", f"datasets/{dataset}/value"):
            response = requests.get(f"{url}/{path}", timeout=PATIENCE)
            assert response.status_code == 500
            assert "cannot be read (OSError: the file is gone)" in response.json()["detail"]


def test_a_tree_that_cannot_be_copied_is_told_by_every_route() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with published(endless) as (url, _):
        for path in ("", "datasets", "api/v1/tree", "api/v1/coverage", "api/v1/updates"):
            response = requests.get(f"{url}/{path}", timeout=PATIENCE)
            assert response.status_code == 500, path
            assert "contains itself" in response.json()["detail"]


@pytest.mark.parametrize("number", ["\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_numbers_that_python_does_not_read_are_refused(number: str) -> None:
    with served({"image": np.zeros((3, 4))}) as url:
        root = requests.get(url, timeout=PATIENCE).json()["root"]
        for path, name in (("api/v1/elements?path=image", "last"), ("api/v1/shown?path=image", "most")):
            assert requests.get(f"{url}/{path}&{name}={number}", timeout=PATIENCE).status_code == 400
        assert requests.get(f"{url}/groups/{root}/links?Limit={number}", timeout=PATIENCE).status_code == 400
