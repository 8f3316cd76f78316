"""The files of the dashboard: handed out whole, asked for once, loaded from nowhere else, and what passes through to other processes."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
import requests

from beamloom.control.dashboard import web_file, web_files
from beamloom.results.http import make_app as results_app
from beamloom.transport.http_server import HttpServer
from control.live import Live, simple_map
from services.bench import series
from support.patience import PATIENCE

REPOSITORY = Path(__file__).parents[2]
WEB = REPOSITORY / "src" / "beamloom" / "web"
MOST_BYTES = 1_500_000
"""Of the whole dashboard, compressed."""


def get(live: Live, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{live.root}{path}", headers=headers, timeout=PATIENCE)


def test_the_page_and_all_that_it_loads_are_there() -> None:
    with Live() as live:
        page = get(live, "/")
        assert page.headers["content-type"].startswith("text/html")
        assert "<title>Beamloom</title>" in page.text
        named = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page.text)
        assert named
        for path in named:
            assert get(live, f"/{path}").status_code == 200


def test_a_browser_that_has_a_file_is_told_so() -> None:
    with Live() as live:
        first = get(live, "/")
        again = get(live, "/", **{"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_files_are_sent_compressed_to_those_who_accept_it() -> None:
    with Live() as live:
        path = "/assets/index.js"
        plain = get(live, path, **{"Accept-Encoding": "identity"})
        zipped = requests.get(
            f"{live.root}{path}", headers={"Accept-Encoding": "gzip"}, timeout=PATIENCE, stream=True
        )
        raw = zipped.raw.read()
        assert len(raw) < len(plain.content)
        assert gzip.decompress(raw) == plain.content


@pytest.mark.parametrize("accepted", ["gzip;q=0", "identity", "x-gzip-not", "deflate, gzip; q=0.0"])
def test_files_are_sent_as_they_are_to_those_who_refuse_gzip(accepted: str) -> None:
    with Live() as live:
        answer = get(live, "/assets/index.js", **{"Accept-Encoding": accepted})
        assert "content-encoding" not in answer.headers
        assert "Accept-Encoding" in answer.headers["vary"]


@pytest.mark.parametrize(
    "path", ["/assets/..%2f..%2f__init__.py", "/assets/none.js", "/assets/.hidden", "/assets/%2fetc%2fpasswd"]
)
def test_nothing_but_the_files_of_the_dashboard_is_handed_out(path: str) -> None:
    with Live() as live:
        assert get(live, path).status_code == 404


@pytest.mark.parametrize(
    "name", ["../__init__.py", "assets/../../events.py", "/etc/passwd", "assets/x/y", ""]
)
def test_names_never_lead_out_of_the_folder(name: str) -> None:
    assert web_file(name) is None


def test_the_page_forbids_browsers_to_load_anything_from_elsewhere() -> None:
    with Live() as live:
        policy = get(live, "/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    for file in WEB.rglob("*"):
        if file.is_file():
            addresses = set(re.findall(rb"https?://[^\s\"'`)]+", file.read_bytes()))
            assert {one for one in addresses if not one.startswith(b"http://www.w3.org/")} == set()


def test_the_dashboard_is_small() -> None:
    whole = sum(len(gzip.compress(file.read_bytes(), 9)) for file in WEB.rglob("*") if file.is_file())
    assert whole < MOST_BYTES


def test_what_the_reducer_shows_is_read_under_the_address_of_the_controller(tmp_path: Path) -> None:
    with Live() as live:
        with HttpServer(results_app(live.bench.desk)) as results:
            live.show_results_at(results.url)
            live.feeds["eiger"].send(series(5))
            live.arm(simple_map(5))
            live.finished()
            direct = requests.get(f"{results.url}/api/v1/result/$?format=json", timeout=PATIENCE)
            passed = get(live, "/results/api/v1/result/$?format=json")
            assert (passed.status_code, passed.json()) == (200, direct.json())
            assert passed.headers["etag"] == direct.headers["etag"]
            again = get(
                live, "/results/api/v1/result/$?format=json", **{"If-None-Match": passed.headers["etag"]}
            )
            assert again.status_code == 304
            said = get(live, "/api/v1/logs?level=INFO").json()
            assert [line["msg"] for line in said if line["name"] == "httpx"] == []
            wrong = get(live, "/results/api/v1/result/$.nothing")
            assert (wrong.status_code, "nothing" in wrong.json()["detail"]) == (404, True)
        gone = get(live, "/results/api/v1/status")
        assert gone.status_code == 502
        assert "the reducer does not answer" in gone.json()["detail"]


def test_a_process_that_shows_nothing_is_named() -> None:
    with Live() as live:
        answer = get(live, "/glance/nobody/")
        assert answer.status_code == 404
        assert (
            answer.json()["detail"] == "the worker nobody does not take part now, or shows nothing over HTTP"
        )


def test_an_update_of_the_package_beneath_a_controller_does_not_mix_old_files_with_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "web" / "assets").mkdir(parents=True)
    names = ("index.html", "assets/index.js", "assets/raw.js")

    def install(version: str) -> None:
        for name in names:
            (tmp_path / "web" / name).write_text(version)

    monkeypatch.setattr("beamloom.control.dashboard.resources.files", lambda _: tmp_path)
    request.addfinalizer(web_files.cache_clear)
    web_files.cache_clear()
    install("old")
    handed = [web_file("index.html")]
    install("new")
    handed += [web_file(name) for name in names]
    assert {file.content for file in handed if file} == {b"old"}
