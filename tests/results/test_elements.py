"""Datasets as tables of texts: every element as it is, whatever its type."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from beamloom.results.elements import MOST_CELLS, as_csv, table_of
from beamloom.results.http import make_app
from beamloom.results.selection import SelectionError
from beamloom.transport.http_server import HttpServer
from results.test_results_http import FixedReader

RECORDS = np.array([(1, 0.1, b"a"), (2, np.inf, b"b")], [("n", "i8"), ("x", "f8"), ("t", "S3")])
TREE: dict[str, Any] = {
    "energy": np.array([7.1, 7.2, np.nan]),
    "counts": np.array([2**63 - 1, 5, -1]),
    "small": np.array([0.1, 1e-7, np.inf], np.float32),
    "words": ["one", "two, three", 'a "b"\nc'],
    "records": RECORDS,
    "times": np.array(["2026-11-22T03:00", "NaT"], "datetime64[s]"),
    "image": np.arange(12).reshape(3, 4),
    "complex": np.array([1 + 2j, -1j]),
    "nothing": None,
    "number": 5,
}


@pytest.fixture
def url() -> Iterator[str]:
    with HttpServer(make_app(FixedReader(TREE))) as server:
        yield f"{server.url}/api/v1/elements"


def get(url: str, *path: str, **asked: Any) -> requests.Response:
    return requests.get(url, params={"path": list(path), **asked}, timeout=10)


def test_every_type_is_written_with_all_its_digits(url: str) -> None:
    def column(path: str) -> list[str]:
        return [row[0] for row in get(url, path).json()["rows"]]

    assert column("energy") == ["7.1", "7.2", "nan"]
    assert column("counts") == ["9223372036854775807", "5", "-1"]
    assert column("small") == ["0.1", "1e-07", "inf"]
    assert column("words") == TREE["words"]
    assert column("times") == ["2026-11-22T03:00:00", "NaT"]
    assert column("complex") == ["(1+2j)", "(-0-1j)"]
    assert column("number") == ["5"]


def test_records_have_a_column_for_each_field(url: str) -> None:
    assert get(url, "records").json() == {
        "columns": ["records.n", "records.x", "records.t"],
        "rows": [["1", "0.1", "a"], ["2", "inf", "b"]],
        "first": 0,
    }


def test_datasets_stand_side_by_side_as_a_file_for_spreadsheets(url: str) -> None:
    answer = get(url, "energy", "words", format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    read = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert read == [["energy", "words"], ["7.1", "one"], ["7.2", "two, three"], ["nan", 'a "b"\nc']]


def test_an_array_comes_as_numpy_has_it(url: str) -> None:
    for path in ("counts", "complex", "records"):
        read = np.load(io.BytesIO(get(url, path, format="npy").content))
        np.testing.assert_array_equal(read, TREE[path])
        assert read.dtype == TREE[path].dtype


def test_rows_of_an_image_are_rows_and_the_newest_can_be_asked_for(url: str) -> None:
    answer = get(url, "image", last=2)
    assert answer.json()["rows"] == [["4", "5", "6", "7"], ["8", "9", "10", "11"]]
    assert (answer.json()["first"], answer.headers["x-beamloom-shape"]) == (1, "3,4")
    assert get(url, "image", select="[-1,:]").json()["rows"] == [["8", "9", "10", "11"]]
    assert get(url, "image", select="[-1,-2]").json()["rows"] == [["10"]]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"path": "nothing"}, "there is no value"),
        ({"path": "energy", "format": "xls"}, "json, csv or npy"),
        ({"path": "energy", "last": "0"}, "a number of rows"),
        ({"path": ["energy", "counts"], "format": "npy"}, "npy holds one array"),
        ({"path": "energy", "select": "[-9]"}, "outside of axis 0"),
    ],
)
def test_what_cannot_be_had_is_said_in_words(url: str, asked: dict[str, Any], sentence: str) -> None:
    answer = requests.get(url, params=asked, timeout=10)
    assert (answer.status_code, sentence in answer.json()["detail"]) == (400, True)


def test_the_tree_is_json_also_where_values_are_no_numbers() -> None:
    odd = {
        "nan": float("nan"),
        "huge": 2**80,
        "inf": np.float64(np.inf),
        "inf_attrs": {"limits": [np.nan, 1.0]},
    }
    with HttpServer(make_app(FixedReader(odd))) as server:
        answer = requests.get(f"{server.url}/api/v1/tree", timeout=10)
    tree = json.loads(answer.text, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))["children"]
    assert (tree["nan"]["value"], tree["inf"]["value"]) == (None, None)
    assert tree["inf"]["attributes"]["limits"] == [None, 1.0]


def test_tables_that_are_too_large_are_refused_before_they_are_made() -> None:
    huge = np.broadcast_to(np.float64(1), (MOST_CELLS + 1,))
    with pytest.raises(SelectionError, match="too large"):
        table_of([("a", huge)])


def test_columns_are_as_long_as_the_shortest() -> None:
    table = table_of([("a", np.arange(3)), ("b", np.arange(2))])
    assert as_csv(table) == b"a,b\r\n0,0\r\n1,1\r\n"


def test_a_dataset_without_rows_yet_is_a_table_without_rows(url: str) -> None:
    table = table_of([("a", np.zeros((0, 2))), ("b", np.zeros((0, 2, 2), bool)), ("c", np.zeros((3, 0)))])
    assert table.columns == ["a[0]", "a[1]", "b[0,0]", "b[0,1]", "b[1,0]", "b[1,1]"]
    assert table.rows == []


def test_numbers_from_the_end_are_of_their_axis_wherever_they_stand(url: str) -> None:
    assert get(url, "image", select="[...,-1]").json()["rows"] == [["3"], ["7"], ["11"]]
    assert get(url, "image", select="[[0,2],-1]").json()["rows"] == [["3"], ["11"]]
    assert get(url, "image", select="[-1,...,-4]").json()["rows"] == [["8"]]
    for wrong in ("[-1,-1,-1]", "[-99999999999999999999]", "[-1,x]"):
        assert get(url, "image", select=wrong).status_code == 400
