"""Forms of results, and which is chosen."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import io
import json
import pathlib
import pickle
import threading
from typing import Any

import msgspec
import numpy as np
import pydantic
import pytest

from beamloom.results.encodings import (
    JSON,
    NPY,
    PICKLE,
    NotAcceptable,
    acceptable,
    accepts_gzip,
    as_json,
    as_npy,
    as_pickle,
)


class Element(enum.Enum):
    FE = "iron"


@dataclasses.dataclass
class Peak:
    channel: int
    area: Any


class Header(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    frame: int


class Reading(msgspec.Struct):
    value: float


NAN = float("nan")
POINT = np.dtype([("x", "<f4"), ("name", "S3")])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, 1.5, "é", True, None], [1, 1.5, "é", True, None]),
        ([NAN, float("inf"), -0.0], [None, None, 0.0]),
        (2**70, 2**70),
        (np.array([[1.5, NAN], [np.inf, 2]], "<f4"), [[1.5, None], [None, 2.0]]),
        (np.arange(4, dtype=">i2").reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array([True, False]), [True, False]),
        (np.array(5), 5),
        (np.float16(1.5), 1.5),
        (np.longdouble(1.5), 1.5),
        (np.array([1.5, NAN], "g"), [1.5, None]),
        (np.bool_(True), True),
        (np.array([1 + 2j]), [[1.0, 2.0]]),
        (1 - 2j, [1.0, -2.0]),
        (np.array(["a", "bc"]), ["a", "bc"]),
        (np.array([b"ab", b"\xc3\xa9"]), ["ab", "é"]),
        (np.str_("x"), "x"),
        (np.array(["2026-01-02T03:04:05", "NaT"], "M8[s]"), ["2026-01-02T03:04:05", None]),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.array([1500, "NaT"], "m8[ms]"), [1.5, None]),
        (np.array([(1.5, b"ab"), (NAN, b"c")], POINT), {"x": [1.5, None], "name": ["ab", "c"]}),
        (np.array([None, 1, "a"]), [None, 1, "a"]),
        ((1, {2}, frozenset([3]), collections.deque([4])), [1, [2], [3], [4]]),
        (
            {(1.0, 2): 1, 3: 2, None: 3, True: 4, np.int64(7): 5, ("a", (1, 2)): 6},
            {"1.0,2": 1, "3": 2, "null": 3, "true": 4, "7": 5, "a,1,2": 6},
        ),
        ({(1.0, 2): 5, (1.5, 3): 6}, {"key_0": [1.0, 1.5], "key_1": [2, 3], "value": [5, 6]}),
        ({1: Peak(3, 0.5), 2: {"area": 1.5}}, {"key_0": [1, 2], "channel": [3, None], "area": [0.5, 1.5]}),
        (b"\xff\x00", "/wA="),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00+00:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.timedelta(milliseconds=1500), 1.5),
        (pathlib.PurePosixPath("/data/x.h5"), "/data/x.h5"),
        (Element.FE, "iron"),
        (Peak(1, np.float64(2.5)), {"channel": 1, "area": 2.5}),
        (Header.model_validate({"frame": 1, "gain": 2}), {"frame": 1, "gain": 2}),
        (Reading(1.5), {"value": 1.5}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.UserDict(a=1), {"a": 1}),
        (range(2), [0, 1]),
        ({"run\udc80.h5": "run\udc80.h5"}, {"run\\udc80.h5": "run\\udc80.h5"}),
        (np.array(["run\udc80.h5"]), ["run\\udc80.h5"]),
        (np.array([3, "NaT"], "m8[M]"), [3.0, None]),
        (np.array([3, "NaT"], "m8"), [3.0, None]),
        (np.zeros(1, "M8"), [0.0]),
        (np.ma.array([1.5, 2.5], mask=[False, True]), [1.5, None]),
        (np.ma.array([1 + 1j, 2j], mask=[False, True]), [[1.0, 1.0], [None, 0.0]]),
        (memoryview(b"a-b-")[::2], "YWI="),
    ],
    ids=lambda part: type(part).__name__,
)
def test_json_holds_what_a_tree_holds(value: Any, expected: Any) -> None:
    assert json.loads(as_json([value])) == [expected]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            {"a": [threading.Lock()]},
            r"cannot be sent as JSON: \['a'\]\[0\] is a _thread.lock; select another part",
        ),
        ({1: 0, "1": 0}, "a dictionary with two keys that read '1'"),
        (np.zeros(2, "V3"), r"an array of the data type \|V3"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_what_json_cannot_hold_is_a_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(NotAcceptable, match=sentence):
        as_json(value)


def test_a_tree_that_contains_itself_is_a_sentence() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotAcceptable, match="contains itself"):
        as_json(endless)


def test_what_cannot_be_pickled_is_a_sentence() -> None:
    with pytest.raises(NotAcceptable, match=r"cannot be pickled .*; ask for JSON"):
        as_pickle([threading.Lock()])


def test_a_pickle_can_be_read_by_old_pythons() -> None:
    assert as_pickle([1])[:2] == b"\x80\x04"
    assert pickle.loads(as_pickle([{(1, 2): np.int64(3)}])) == [{(1, 2): 3}]


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=">u2").reshape(2, 3),
        np.arange(6).reshape(2, 3).T[::-1],
        np.float32(1.5),
        3,
        [1, 2.5],
        np.zeros(2, POINT),
    ],
    ids=lambda part: type(part).__name__,
)
def test_npy_is_what_numpy_saves(value: Any) -> None:
    loaded = np.load(io.BytesIO(as_npy([value])))
    assert loaded.dtype == np.asarray(value).dtype
    assert np.array_equal(loaded, value)


def test_npy_shows_nothing_that_is_masked() -> None:
    masked = np.ma.array([1.5, 2.5], mask=[False, True])
    np.testing.assert_array_equal(np.load(io.BytesIO(as_npy([masked]))), [1.5, NAN])
    counts = np.ma.array([1, 2], mask=[False, True], fill_value=-1)
    np.testing.assert_array_equal(np.load(io.BytesIO(as_npy([counts]))), [1, -1])


@pytest.mark.parametrize(
    ("matches", "sentence"),
    [
        ([np.zeros(1), np.zeros(1)], "npy holds one array and the path selects 2 parts"),
        ([{"a": 1}], "npy holds an array and the path selects a dict"),
        (["text"], "selects a str"),
        ([[[1], [1, 2]]], "selects a list"),
        ([np.array([None])], "selects a ndarray of object"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_npy_of_anything_but_one_array_is_a_sentence(matches: list[Any], sentence: str) -> None:
    with pytest.raises(NotAcceptable, match=sentence):
        as_npy(matches)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, [PICKLE]),
        ("", [PICKLE]),
        ("*/*", [PICKLE]),
        ("application/*", [PICKLE]),
        ("application/json", [JSON]),
        ("application/json, */*", [PICKLE, JSON]),
        ("application/json, */*;q=0.1", [JSON]),
        ("application/json, text/plain, */*;q=0.5", [JSON]),
        ("application/x-npy, application/json;q=0.5", [NPY, JSON]),
        ("application/json;q=0.5, application/x-npy", [NPY, JSON]),
        ("application/x-pickle;q=0, */*", [JSON]),
        ("application/x.pickle", [PICKLE]),
        ("Application/JSON ; charset=utf-8 ; q=1.000", [JSON]),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", [PICKLE]),
    ],
)
def test_the_accept_header_chooses_by_quality_and_how_exactly_it_names(
    accept: str | None, chosen: list[Any]
) -> None:
    assert acceptable(accept) == chosen


def test_the_format_in_the_address_wins() -> None:
    assert acceptable("application/json", "npy") == [NPY]
    with pytest.raises(NotAcceptable, match="there is no format 'xml'; ask for one of pickle, json, npy"):
        acceptable("application/json", "xml")


@pytest.mark.parametrize("accept", ["text/html", "image/png, video/*", "*/*;q=0", "application/json;q=0"])
def test_what_cannot_be_had_is_told_with_what_can(accept: str) -> None:
    with pytest.raises(
        NotAcceptable, match=r"accept one of application/x.pickle, application/json, application/x-npy"
    ):
        acceptable(accept)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip, deflate", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*, gzip;q=0", False),
        ("br", False),
    ],
)
def test_compression_follows_accept_encoding(header: str | None, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize("text", [np.str_("Ka"), np.bytes_(b"Ka")])
def test_a_single_text_of_an_array_is_no_array_but_json(text: Any) -> None:
    with pytest.raises(NotAcceptable, match="npy holds an array"):
        as_npy([text])
    assert as_json([text]) == b'["Ka"]'
