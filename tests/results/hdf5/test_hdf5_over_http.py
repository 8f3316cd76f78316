"""The HDF REST API as clients call it, without a client's library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from results.hdf5.trees import TREE, Shown, served
from support.patience import PATIENCE

Server = tuple[str, Shown]


@pytest.fixture
def url() -> Iterator[str]:
    with served(TREE) as (url, _):
        yield url


def get(url: str, **options: Any) -> Any:
    response = requests.get(url, timeout=PATIENCE, **options)
    assert response.status_code == 200, response.text
    return response.json()


def id_of(url: str, path: str) -> str:
    return str(get(f"{url}/", params={"h5path": path})["id"])


def test_from_the_root_every_object_is_reached_by_links(url: str) -> None:
    root = get(f"{url}/")["root"]
    assert get(f"{url}/groups/{root}")["linkCount"] == len(TREE) - 2
    seen = []
    waiting = [("", root)]
    while waiting:
        path, group = waiting.pop()
        for link in get(f"{url}/groups/{group}/links")["links"]:
            assert get(f"{url}/groups/{group}/links/{link['title']}")["link"] == link
            assert get(f"{url}/{link['collection']}/{link['id']}")["id"] == link["id"]
            seen.append(f"{path}/{link['title']}")
            if link["collection"] == "groups":
                waiting.append((seen[-1], link["id"]))
    assert {"/image", "/map/key_1", "/group/my name/x"} <= set(seen)
    assert len(seen) == len(get(f"{url}/groups")["groups"]) + len(get(f"{url}/datasets")["datasets"]) - 1


def test_links_and_attributes_come_in_pages(url: str) -> None:
    root = get(f"{url}/")["root"]
    names = [link["title"] for link in get(f"{url}/groups/{root}/links")["links"]]
    page = get(f"{url}/groups/{root}/links?Limit=3&Marker={names[1]}")["links"]
    assert [link["title"] for link in page] == names[2:5]
    image = id_of(url, "image")
    listed = get(f"{url}/datasets/{image}/attributes?Limit=2")["attributes"]
    assert [attribute["name"] for attribute in listed] == ["units", "n"]
    assert "value" not in listed[0]
    assert get(f"{url}/datasets/{image}/attributes?IncludeData=1")["attributes"][0]["value"] == "counts"


def test_objects_are_found_by_path_one_or_many(url: str) -> None:
    image = get(f"{url}/?h5path=/image&include_attrs=true")
    assert (image["class"], image["attributes"]["units"]["value"]) == ("dataset", "counts")
    body = {"h5paths": ["map/value", "group"]}
    many = requests.post(f"{url}/?include_links=1", json=body, timeout=PATIENCE).json()["h5paths"]
    assert many["map/value"]["shape"] == {"class": "H5S_SIMPLE", "dims": [20]}
    assert list(many["group"]["links"]) == ["my name"]
    below = requests.post(
        f"{url}/?parent_id={many['group']['id']}", json={"h5paths": ["my name"]}, timeout=PATIENCE
    )
    assert below.json()["h5paths"]["my name"]["class"] == "group"


def test_elements_come_as_json_or_as_bytes(url: str) -> None:
    value = f"{url}/datasets/{id_of(url, 'image')}/value"
    assert get(value, params={"select": "[2:4,3:5]"})["value"] == TREE["image"][2:4, 3:5].tolist()
    assert get(value, params={"select": "[2,3]"})["value"] == [[TREE["image"][2, 3]]]
    binary = {"Accept": "application/octet-stream"}
    response = requests.get(value, params={"select": "[2:4,3:5]"}, headers=binary, timeout=PATIENCE)
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.content == TREE["image"][2:4, 3:5].tobytes()
    empty = requests.get(value, params={"select": "[2:2,:]"}, headers=binary, timeout=PATIENCE)
    assert empty.json() == {"value": []}
    nothing = f"{url}/datasets/{id_of(url, 'none')}"
    assert get(nothing)["shape"] == {"class": "H5S_NULL"}
    assert get(f"{nothing}/value") == {"value": None}
    assert get(f"{nothing}/shape") == {"shape": {"class": "H5S_NULL"}}
    assert get(f"{nothing}/type")["type"]["class"] == "H5T_FLOAT"
    assert (
        json.loads(requests.get(f"{url}/datasets/{id_of(url, 'not_finite')}/value", timeout=PATIENCE).text)[
            "value"
        ][2]
        == np.inf
    )


def test_long_selections_points_and_fields_are_posted(url: str) -> None:
    image = f"{url}/datasets/{id_of(url, 'image')}/value"
    selected = requests.post(image, json={"select": "[0:2,[1,3]]"}, timeout=PATIENCE)
    assert selected.json()["value"] == TREE["image"][:2, [1, 3]].tolist()
    assert requests.post(image, json={"points": [[1, 2], [3, 4]]}, timeout=PATIENCE).json()["value"] == [
        42,
        124,
    ]
    binary = {"Accept": "application/octet-stream", "Content-Type": "application/octet-stream"}
    points = np.array([[1, 2], [3, 4]], "<u8").tobytes()
    assert (
        requests.post(image, data=points, headers=binary, timeout=PATIENCE).content
        == np.array([42.0, 124]).tobytes()
    )
    line = f"{url}/datasets/{id_of(url, 'line')}/value"
    assert requests.post(line, json={"points": [7, 3]}, timeout=PATIENCE).json()["value"] == [7, 3]
    records = f"{url}/datasets/{id_of(url, 'records')}/value"
    assert get(records, params={"fields": "s:a"})["value"] == [["x", 1], ["yz", 2]]


def test_the_server_says_what_it_is_and_that_it_can_be_read(url: str) -> None:
    assert get(f"{url}/about")["state"] == get(f"{url}/info")["state"] == "READY"
    assert [domain["name"] for domain in get(f"{url}/domains")["domains"]] == ["/", "/snapshot"]
    assert get(f"{url}/acls")["acls"][0]["read"] is True
    assert get(f"{url}/acls/anybody")["acl"]["update"] is False
    assert get(f"{url}/?verbose=1")["num_groups"] == 4
    assert get(f"{url}/datatypes") == {"datatypes": []}


UNKNOWN = "d-9c478a49-2d33555d-6105-d6cc76-000000"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("GET", f"datasets/{UNKNOWN}", None, 404, "there is no object d-9c478a49"),
        ("GET", f"datasets/{UNKNOWN}/value", None, 404, "there is no object d-9c478a49"),
        ("GET", "groups/g-h5dict-2F", None, 404, "g-h5dict-2F is no id"),
        ("GET", "groups/{image}", None, 404, "there is no object"),
        ("GET", "datatypes/{image}", None, 404, "there is no object"),
        ("GET", "groups/{root}/links/imag", None, 404, "the group / has no 'imag' (did you mean 'image'?); it has image, volume"),
        ("GET", "datasets/{image}/attributes/unit", None, 404, "/image has no attribute 'unit'; its attributes are: units"),
        ("GET", "datasets/{image}/value?select=[0:99]", None, 400, "0:99 is outside of axis 0"),
        ("GET", "datasets/{image}/value?select=x", None, 400, "the selection x is malformed"),
        ("GET", "datasets/{image}/value?query=a>1", None, 400, "does not search"),
        ("GET", "datasets/{image}/value?fields=a", None, 400, "the fields a are not those of the dataset (none)"),
        ("GET", "groups/{root}/links?Limit=x", None, 400, "the limit x is no number"),
        ("GET", "?h5path=/nothing", None, 404, "there is nothing at /nothing: the group / has no 'nothing'; it has "),
        ("POST", "datasets/{image}/value", b"[", 400, "the body is no JSON"),
        ("POST", "datasets/{image}/value", b"[]", 400, "the body is no dictionary"),
        ("POST", "datasets/{image}/value", b'{"points": ["a"]}', 400, "points are lists of integers"),
        ("POST", "datasets/{image}/value", b'{"points": [[1], [1, 2]]}', 400, "points are lists of integers"),
        ("POST", "datasets/{image}/value", b'{"points": [[30, 0]]}', 400, "point [30, 0] is outside"),
        ("POST", "datasets/{integer}/value", b'{"points": [[0]]}', 400, "points of a dataset of shape ()"),
        ("POST", "", b"{}", 400, "the paths are missing"),
        ("PUT", "groups/{root}/links/new", b"{}", 405, "results can only be read"),
        ("DELETE", "", None, 405, "results can only be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence(
    url: str, method: str, path: str, body: bytes | None, status: int, sentence: str
) -> None:
    ids = {"root": get(f"{url}/")["root"], "image": id_of(url, "image"), "integer": id_of(url, "integer")}
    for name, one in ids.items():
        path = path.replace(f"{{{name}}}", one)
    response = requests.request(method, f"{url}/{path}", data=body, timeout=PATIENCE)
    assert sentence in response.json()["detail"]
    assert response.status_code == status


def test_without_a_tree_the_sentence_says_so() -> None:
    with served(None) as (url, _):
        response = requests.get(f"{url}/", timeout=PATIENCE)
    assert (response.status_code, "publishes nothing yet" in response.json()["detail"]) == (404, True)


def test_an_id_that_is_kept_reads_the_newest_version() -> None:
    with served({"a": 1, "b": np.arange(3)}) as (url, shown):
        a, b = id_of(url, "a"), id_of(url, "b")
        shown.show({"a": 2, "b": np.arange(5)}, run="r2")
        assert get(f"{url}/datasets/{a}/value")["value"] == 2
        assert get(f"{url}/datasets/{b}")["shape"]["dims"] == [5]
        shown.show({"a": 3})
        assert requests.get(f"{url}/datasets/{b}", timeout=PATIENCE).status_code == 404
    with served({"a": 4}) as (url, _):
        assert get(f"{url}/datasets/{a}/value")["value"] == 4


def test_only_what_has_changed_gets_a_new_time() -> None:
    still, group = np.arange(3), {"x": 1}
    with served({"still": still, "moving": np.arange(3), "group": group}) as (url, shown):

        def times() -> dict[str, float]:
            return {
                path: get(f"{url}/", params={"h5path": path})["lastModified"]
                for path in ("still", "moving", "group", "/")
            }

        first = times()
        created = get(f"{url}/?h5path=moving")["created"]
        assert times() == first
        shown.show({"still": still.copy(), "moving": np.arange(3) + 1, "group": {"x": 2}})
        second = times()
        assert second["moving"] > first["moving"]
        assert {path for path in first if second[path] != first[path]} == {"moving"}
        assert get(f"{url}/")["lastModified"] == second["moving"]
        assert get(f"{url}/?h5path=moving")["created"] == created
        shown.show({"still": still, "moving": np.arange(3) + 1, "group": {"x": 2}, "new": 1})
        third = times()
        assert {path for path in first if third[path] != second[path]} == {"/"}


def test_what_is_known_already_is_not_sent_again() -> None:
    with served({"a": np.arange(3), "b": 1}) as (url, shown):
        value = f"{url}/datasets/{id_of(url, 'a')}/value"
        tag = requests.get(value, timeout=PATIENCE).headers["etag"]
        shown.show({"a": np.arange(3), "b": 2})
        again = requests.get(value, headers={"If-None-Match": f'"other", {tag}'}, timeout=PATIENCE)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        shown.show({"a": np.arange(3) + 1, "b": 2})
        assert requests.get(value, headers={"If-None-Match": tag}, timeout=PATIENCE).status_code == 200


def test_the_domain_snapshot_stays_at_its_version() -> None:
    with served({"a": 1}) as (url, shown):
        kept = get(f"{url}/?domain=/snapshot")["root"]
        shown.show({"a": 2})
        moving = get(f"{url}/")["root"]
        assert kept != moving
        values = []
        for root in (kept, moving):
            (link,) = get(f"{url}/groups/{root}/links")["links"]
            values.append(get(f"{url}/datasets/{link['id']}/value")["value"])
        assert values == [1, 2]
        for number in range(70):
            shown.show({"a": number})
            get(f"{url}/?domain=/snapshot")
        response = requests.get(f"{url}/groups/{kept}", timeout=PATIENCE)
        assert (response.status_code, "is not kept any more" in response.json()["detail"]) == (404, True)


def test_large_bodies_for_other_machines_are_compressed_where_that_makes_them_smaller() -> None:
    noise = np.random.default_rng(1).bytes(10_000)
    with served({"zeros": np.zeros(10_000), "noise": np.frombuffer(noise, "u1")}) as (url, _):
        local = {"Accept": "application/octet-stream"}
        binary = {**local, "X-Forwarded-For": "192.0.2.1"}
        zeros = requests.get(f"{url}/datasets/{id_of(url, 'zeros')}/value", headers=binary, timeout=PATIENCE)
        assert zeros.headers["content-encoding"] == "gzip"
        assert zeros.content == bytes(80_000)
        response = requests.get(
            f"{url}/datasets/{id_of(url, 'noise')}/value", headers=binary, timeout=PATIENCE
        )
        assert "content-encoding" not in response.headers
        assert response.content == noise
        response = requests.get(
            f"{url}/datasets/{id_of(url, 'zeros')}/value", headers=local, timeout=PATIENCE
        )
        assert "content-encoding" not in response.headers
        assert response.content == bytes(80_000)


def test_pages_of_other_origins_may_read_and_post_selections(url: str) -> None:
    origin = {"Origin": "http://localhost:8888"}
    assert (
        requests.get(f"{url}/about", headers=origin, timeout=PATIENCE).headers["access-control-allow-origin"]
        == "*"
    )
    asked = {
        **origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    allowed = requests.options(f"{url}/datasets/{id_of(url, 'image')}/value", headers=asked, timeout=PATIENCE)
    assert allowed.status_code == 200
    assert "POST" in allowed.headers["access-control-allow-methods"]


def test_a_version_is_looked_through_once_however_often_it_is_read() -> None:
    walked: list[int] = []

    class Walked(dict[str, Any]):
        def items(self) -> Any:
            walked.append(1)
            return super().items()

    with served({"group": Walked(a=1)}) as (url, shown):
        for _ in range(5):
            assert get(f"{url}/datasets/{id_of(url, 'group/a')}/value")["value"] == 1
        assert sum(walked) == 1
        shown.show({"group": Walked(a=2)})
        assert get(f"{url}/datasets/{id_of(url, 'group/a')}/value")["value"] == 2
        assert sum(walked) == 2
