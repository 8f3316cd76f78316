"""Bodies that a generator of examples does not think of: nested without end, huge numbers, no text, nothing."""

from __future__ import annotations

import requests

from control.live import Live
from results.hdf5.trees import TREE, served
from support.patience import PATIENCE

DEPTH = 100_000
BODIES = [
    b"[" * DEPTH,
    b"[" * DEPTH + b"]" * DEPTH,
    b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    b'{"parts":{"m":{"eiger":' + b"[" * DEPTH + b"]" * DEPTH + b'}},"sequence":["m"]}',
    b'{"parts":{"m":{"eiger":[[{"constraint":' + b"9" * 5000 + b'}]]}},"sequence":["m"]}',
    b'{"parts":{"m":{"eiger":[[{}]]}},"sequence":[{"part":"m","repeat":99999999999999999999}]}',
    b'{"parts":{"m":{"eiger":[[{}]]}},"sequence":[{"part":"m","repeat":1e400}]}',
    b'{"h5paths":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    b'{"points":[[1e400]]}',
    b'{"points":[[99999999999999999999]]}',
    b'{"points":[["a"],[1,2]]}',
    b'{"select":"[0:99999999999999999999:1]"}',
    b'{"select":{"a":1}}',
    b'{"fields":[1]}',
    b'{"scan":{"nb_points":99999999999999999999},"streams":["eiger"]}',
    b"\xff\xfe\x00",
    b'"\\ud800"',
    b"\x00" * 1000,
    b"null",
    b"",
]
PATHS = (
    "sequence",
    "mapping",
    "sardana_hook",
    "parameters",
    "parameter/gain",
    "plan",
    "reprocessing",
    "update",
    "workers",
)


def test_the_controller_refuses_them_in_words() -> None:
    wrong = []
    with Live() as live, requests.Session() as session:
        for body in BODIES:
            for path in PATHS:
                answer = session.post(live.url(path), data=body, timeout=PATIENCE)
                if answer.status_code >= 500:
                    wrong.append((path, body[:60], answer.text))
        assert live.post("stop").status_code == 200
    assert wrong == []


def test_the_reducer_refuses_them_in_words() -> None:
    wrong = []
    with served(TREE) as (url, _), requests.Session() as session:
        ids = session.get(f"{url}/datasets", timeout=PATIENCE).json()["datasets"]
        for body in BODIES:
            for path in ("/", *(f"/datasets/{one}/value" for one in ids)):
                for kind in ("application/json", "application/octet-stream"):
                    answer = session.post(
                        f"{url}{path}", data=body, headers={"Content-Type": kind}, timeout=PATIENCE
                    )
                    if answer.status_code >= 500:
                        wrong.append((path, kind, body[:60], answer.text))
    assert wrong == []


HOSTILE_ADDRESSES = [
    "/api/v1/result/" + "(" * 5000,
    "/api/v1/result/$" + "[?(@" * 2000,
    "/api/v1/result/$" + "..*" * 30,
    "/api/v1/result/$.image?slice=" + "9" * 5000,
    "/api/v1/result/$.image?slice=" + ":," * 5000,
    "/api/v1/result/$.image?slice=::0",
    "/api/v1/result/$?wait=" + "9" * 5000,
    "/api/v1/result/$?wait=1&timeout=nan",
    "/api/v1/result/$?format=" + "a" * 5000,
    "/api/v1/updates?rate=nan",
    "/api/v1/updates?since=" + "9" * 5000,
    "/api/v1/tree?path=" + "a/" * 10000,
    "/?domain=" + "%00" * 1000,
    "/?domain=/runs/../../etc/passwd",
    "/api/v1/runs/..%2f..%2fetc%2fpasswd",
    "/groups/%00/links/%ff",
    "/groups?domain=" + "%F0%9F%98%80" * 100,
]


def test_the_reducer_refuses_hostile_addresses() -> None:
    wrong = []
    with served(TREE) as (url, _):
        for path in HOSTILE_ADDRESSES:
            with requests.get(f"{url}{path}", timeout=PATIENCE, stream=True) as answer:
                if answer.status_code >= 500:
                    wrong.append((path[:60], answer.text[:200]))
    assert wrong == []
