"""The client where there is no pipeline behind it, or a strange one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import beamloom
from beamloom.client._changes import Changes
from beamloom.client._display import Tree, progress_html
from beamloom.client._events import settled_events
from beamloom.client._http import Service
from beamloom.client._index import slice_text
from beamloom.client._parameters import _value
from beamloom.client._processes import Processes, _as_seen_from
from beamloom.client._result import jsonpath_of
from beamloom.client._run import Progress
from beamloom.client._values import with_arrays
from beamloom.parameters import (
    BinaryParameter,
    BoolParameter,
    ChoiceParameter,
    FileParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    StrParameter,
)
from beamloom.results.selection import select
from support.patience import PATIENCE


@pytest.mark.parametrize(
    ("described", "data", "value"),
    [
        (FloatParameter(name="limit", unit="mm", min=0, max=9), b"3", 3.0),
        (IntParameter(name="count"), b"3", 3),
        (StrParameter(name="sample"), b"3", "3"),
        (BoolParameter(name="fast"), b"false", False),
        (ChoiceParameter(name="mode", choices=["1", "2"], default="1"), b"2", "2"),
        (BinaryParameter(name="mask", default=b"\x00"), b"3", b"3"),
        (FileParameter(name="poni"), b"3", "3"),
    ],
)
def test_a_parameter_is_read_as_its_description_says(
    described: Parameter, data: bytes, value: object
) -> None:
    read = _value(described.name, data, described.describe())
    assert (read, type(read)) == (value, type(value))


STEPS = st.none() | st.integers(-9, 9).filter(bool)
BOUNDS = st.none() | st.integers(-9, 9)


@contextmanager
def answering(body: bytes | None, content_type: str = "application/json") -> Iterator[str]:
    """A server that answers everything with this; None: not at all, until the test is over."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if body is None:
                over.wait(PATIENCE)
                return
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("body", [b"<html>a web page</html>", b"[1, 2]", b"{}", b"true", b"\xff\xfe"])
def test_what_is_no_pipeline_is_told(body: bytes) -> None:
    with (
        answering(body) as url,
        pytest.raises(beamloom.PipelineError, match=r"correct the address|is neither"),
    ):
        beamloom.connect(url)


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\u2029"])
def test_news_with_a_line_separator_in_a_message_are_read_whole(separator: str) -> None:
    news = {
        "run": "r", "phase": "finished", "finished": True, "total_events": 3,
        "reduced": [[0, 1]], "failed": [{"events": [2, 2], "error": "E", "message": f"one{separator}two"}],
    }  # fmt: skip
    body = f": still here\r\n\r\ndata: {json.dumps(news, ensure_ascii=False)}\n\n".encode()
    with answering(body, "text/event-stream") as url:
        controller = Service(url, "controller", PATIENCE)
        (told,) = settled_events(controller, timeout=PATIENCE, follow=False)
        controller.close()
    assert told.failed[0].message == f"one{separator}two"


def test_results_are_followed_past_a_controller_that_is_slow_to_answer() -> None:
    with answering(None) as url:
        processes = Processes(Service(url, "controller", 0.2), None, 0.2)
        changes = Changes(processes, "$", 0.05)
        changes.listen()
        changes.wait(0.0, threading.Event())
        changes.close()
        processes.close()


def test_silence_is_a_timeout_that_names_the_address() -> None:
    with (
        answering(None) as url,
        pytest.raises(beamloom.TimedOut, match=r"does not answer within 0\.2 s") as silence,
    ):
        beamloom.connect(url, timeout=0.2)
    assert url in str(silence.value)


@given(index=st.tuples(st.slices(6) | st.integers(-6, 5), st.builds(slice, BOUNDS, BOUNDS, STEPS)))
def test_the_text_of_an_index_selects_what_numpy_selects(index: Any) -> None:
    array = np.arange(42).reshape(6, 7)
    text = slice_text(index)
    assert text is not None
    (found,) = select({"array": array}, "$.array", text)
    assert np.array_equal(found, array[index])


@pytest.mark.parametrize("index", [[1, 2], np.array([True, False]), None, 1.5, "field", True, (0, [1])])
def test_what_only_numpy_understands_has_no_text(index: Any) -> None:
    assert slice_text(index) is None


@given(name=st.text(min_size=1).filter(lambda text: "/" not in text and "%" not in text and "\0" not in text))
def test_a_name_of_any_characters_is_found_by_its_path(name: str) -> None:
    assert select({f"not {name}": {}, name: 1}, jsonpath_of(name)) == [1]


def test_numbers_in_json_become_arrays_and_all_else_stays() -> None:
    found = with_arrays(
        {"a": [1, None, 2.5], "b": ["x", "y"], "c": [[1, 2], [3, 4]], "d": [{"e": [1]}], "f": [[1], [2, 3]]}
    )
    assert np.array_equal(found["a"], [1, np.nan, 2.5], equal_nan=True)
    assert found["b"] == ["x", "y"]
    assert found["c"].shape == (2, 2)
    assert found["d"][0]["e"].tolist() == [1]
    assert [part.tolist() for part in found["f"]] == [[1], [2, 3]]


@pytest.mark.parametrize(
    ("told", "controller", "seen"),
    [
        ("http://127.0.0.1:5001", "http://127.0.0.1:5000", "http://127.0.0.1:5001"),
        ("http://127.0.0.1:5001", "http://beamline:5000", "http://beamline:5001"),
        ("http://0.0.0.0:5001", "http://10.0.0.1:5000", "http://10.0.0.1:5001"),
        ("http://node7:5001", "http://beamline:5000", "http://node7:5001"),
    ],
)
def test_the_reducer_is_where_the_controller_is_when_it_says_here(
    told: str, controller: str, seen: str
) -> None:
    assert _as_seen_from(told, controller) == seen


def test_what_others_wrote_is_escaped() -> None:
    evil = "<script>alert('x')</script>"
    progress = Progress(
        run=evil, phase=evil, finished=False, total_events=5, completed_events=2, reduced=1, failed=1, lost=0,
        assigned=0, pending=3, stopped=evil, errors=[{"where": evil, "error": evil, "message": evil, "events": "1"}],
        losses=[{"cause": evil, "events": "2"}],
    )  # fmt: skip
    outline = {
        "attributes": {evil: evil},
        "children": {evil: {"attributes": {}, "shape": [], "dtype": evil, "value": evil}},
    }
    for page in (progress_html(progress), Tree(evil, outline)._repr_html_()):
        assert "&lt;script&gt;" in page
        assert "<script" not in page


def test_importing_beamloom_brings_little_and_no_http() -> None:
    code = "import sys; before = set(sys.modules); import beamloom; print(*(set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    brought = set(said.split())
    assert not brought & {"httpx", "websockets", "numpy", "msgspec", "asyncio"}
    # Names are looked up when they are used first; each module costs some tenths of a millisecond.
    assert len(brought) < 60
