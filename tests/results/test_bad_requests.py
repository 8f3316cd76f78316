"""Whatever a client asks for, it gets an answer or a sentence, and never an error of the server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from beamloom.results import Append, Table
from beamloom.results.http import make_app
from beamloom.results.sharing import Sharer
from beamloom.results.snapshot import Snapshot
from beamloom.results.versions import versions_of

RECORDS = np.array([(1, 2.5), (2, 3.5)], [("a", ">i2"), ("b", "f4")])
TREE: dict[str, Any] = {
    "image": np.arange(12.0).reshape(3, 4),
    "scalar": np.float32(1.5),
    "zero": np.array(3),
    "empty": np.zeros((0, 2)),
    "times": np.array(["2026-01-01", "NaT"], "M8[s]"),
    "texts": np.array(["a", "é"]),
    "records": RECORDS,
    "map": {(0.0, 1): {"roi": 1}, (1.0, 1): {"roi": 2}},
    "by number": {1: [1, 2], 2: [3]},
    "rows": Append().add(0, 1.0).add(3, 2.0),
    "table": Table().add(0, {"x": 1, "s": "a"}),
    "list": [1, "a", None, [2, {"deep": True}]],
    "nothing": None,
}


class Fixed:
    """Serves the tree."""

    def __init__(self) -> None:
        copied = Sharer().copy(TREE)
        self._snapshot = Snapshot(3, "r1", copied, versions=versions_of(copied, 3, 0.0))

    async def snapshot(self) -> Snapshot:
        return self._snapshot

    async def newer(self, version: int) -> Snapshot:
        never: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        return await never

    async def status(self) -> dict[str, Any]:
        return {}


STEPS = st.sampled_from(
    [f".{name}" for name in TREE if " " not in name]
    + [
        "['by number']",
        "['0.0,1']",
        "[0]",
        "[-1]",
        "[1:]",
        "[::-1]",
        "[*]",
        ".*",
        "..*",
        "..roi",
        ".data",
        ".value",
    ]
    + [
        "[?@.roi>1]",
        "[?@>1]",
        "[?@==$.scalar]",
        "[?length(@)>1]",
        "[?match(@,'a')]",
        "[",
        "]",
        "$",
        "..",
        "['",
        "`",
    ]
)
PATHS = st.builds(lambda steps: "$" + "".join(steps), st.lists(STEPS, max_size=4)) | st.text(max_size=12)
AXES = st.sampled_from(
    ["0", "-1", "99", ":", "::2", "::-1", "1:2", "...", "", " ", "x", "::0", "9" * 30, "1:2:3:4", "-9:9"]
)
SLICES = st.none() | st.lists(AXES, max_size=4).map(",".join) | st.text(max_size=8)
FORMATS = st.none() | st.sampled_from(["json", "npy", "arrow", "pickle", "xml", ""])
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Accept", "Accept-Encoding", "If-None-Match", "Last-Event-ID", "Range", "Content-Length"]
    ),
    st.sampled_from(
        [
            "*/*",
            "application/json",
            "application/x-npy;q=2",
            "text/html",
            "gzip;q=x",
            "zstd, gzip;q=0",
            ",;,=;q",
            "*",
            "5",
            'W/"x"',
            '"',
            "text/event-stream;q=0",
            "",
        ]
    )
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=10),
    max_size=3,
)
WAITS = st.sampled_from(
    [{}, {"wait": "3"}, {"wait": "0"}, {"wait": "-1"}, {"wait": "é"}, {"wait": "٣"}, {"timeout": "x"}]
)


def check(path: str, query: dict[str, str], headers: dict[str, str]) -> None:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(make_app(Fixed()))
        async with httpx.AsyncClient(transport=transport, base_url="http://reducer") as client:
            return await client.get(path, params=query or None, headers=headers)

    answer = asyncio.run(ask())
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert len(json.loads(answer.content)["detail"]) > 10


def quoted(path: str) -> str:
    return "".join(f"%{byte:02x}" for byte in path.encode("utf-8", "replace"))


@given(PATHS, SLICES, FORMATS, HEADERS, WAITS)
def test_no_wish_for_results_is_an_error_of_the_server(
    path: str, slice_text: str | None, form: str | None, headers: dict[str, str], wait: dict[str, str]
) -> None:
    query = {"slice": slice_text, "format": form, **wait}
    given_ones = {name: value for name, value in query.items() if value is not None}
    if "wait" in wait:
        given_ones["timeout"] = "0"
    check(f"/api/v1/result/{quoted(path)}", given_ones, headers)


@given(st.text(max_size=12), HEADERS)
def test_no_address_is_an_error_of_the_server(path: str, headers: dict[str, str]) -> None:
    check("/" + quoted(path), {}, headers)


@given(st.sampled_from(["rate", "since", "paths"]), st.text(max_size=6), HEADERS)
def test_no_wish_for_updates_is_an_error_of_the_server(
    name: str, value: str, headers: dict[str, str]
) -> None:
    accept = {**headers, "Accept": "application/json"}
    check("/api/v1/updates", {name: value}, accept)
