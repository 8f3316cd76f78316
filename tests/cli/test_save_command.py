"""``beamloom save`` writes what a reducer publishes now into a file, and never over another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from beamloom.cli import main
from beamloom.results import make_app
from beamloom.results.files.http import file_route
from beamloom.transport.http_server import HttpServer
from results.files.saving import Publishing, record

h5py = pytest.importorskip("h5py", reason="needs h5py")

IMAGE = np.arange(3_000_000, dtype=np.int32).reshape(1500, 2000)


@contextmanager
def served(reader: Publishing) -> Iterator[str]:
    server = HttpServer(make_app(reader, more_routes=[file_route(reader, record)]), "127.0.0.1", 0)
    port = server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


def test_the_file_holds_the_results_and_the_record_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, path = Publishing(), tmp_path / "new" / "map.h5"
    reader.publish(image=IMAGE)
    with served(reader) as url:
        assert main(["save", url, "-o", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: version 1, ")
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["entry/image"][()], IMAGE)
        assert file["entry/entry_identifier"].asstr()[()] == "run-1"
        assert file["entry/beamloom/parameters_3/data"].asstr()[()] == '{"gain": 2}'


def test_of_a_run_that_is_not_known_its_name_is_in_the_file(tmp_path: Path) -> None:
    reader, path = Publishing("another"), tmp_path / "map.h5"
    with served(reader) as url:
        assert main(["save", url, "-o", str(path)]) == 0
    with h5py.File(path) as file:
        assert file["entry/entry_identifier"].asstr()[()] == "another"


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "map.h5"
    path.write_text("mine")
    with served(Publishing()) as url:
        assert main(["save", url, "-o", str(path)]) == 2
    assert "is there already; choose another name" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_the_address_of_the_controller_will_do(tmp_path: Path) -> None:
    async def config(request: Request) -> JSONResponse:
        return JSONResponse({"ingesters": [], "reducer": {"http": reducer}})

    path = tmp_path / "map.h5"
    with served(Publishing()) as reducer:
        server = HttpServer(Starlette(routes=[Route("/api/v1/config", config)]), "127.0.0.1", 0)
        port = server.start()
        try:
            assert main(["save", f"http://127.0.0.1:{port}", "-o", str(path)]) == 0
        finally:
            server.stop()
    with h5py.File(path) as file:
        assert file["entry/entry_identifier"].asstr()[()] == "run-1"


def test_nobody_who_answers_is_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["save", "http://127.0.0.1:9", "-o", str(tmp_path / "a.h5")]) == 1
    assert "give the address of the reducer" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_is_a_sentence_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = HttpServer(make_app(Publishing()), "127.0.0.1", 0)
    port = server.start()
    try:
        assert main(["save", f"http://127.0.0.1:{port}", "-o", str(tmp_path / "a.h5")]) == 1
    finally:
        server.stop()
    assert "there is nothing at /api/v1/file" in capsys.readouterr().err


def test_what_is_no_address_is_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["save", "http://[::1", "-o", str(tmp_path / "map.h5")]) == 1
    assert "is no address of a pipeline" in capsys.readouterr().err


def test_an_address_needs_no_scheme(tmp_path: Path) -> None:
    with served(Publishing()) as url:
        assert main(["save", url.removeprefix("http://"), "-o", str(tmp_path / "map.h5")]) == 0
    assert (tmp_path / "map.h5").exists()
