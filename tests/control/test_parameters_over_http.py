"""Parameters over HTTP: bytes in and out, whole or not at all, and a sentence for what is wrong."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.live import Live, simple_map
from services.bench import frame, series, start


@pytest.fixture
def live() -> Iterator[Live]:
    with Live() as running:
        yield running


def test_a_parameter_is_set_to_the_bytes_of_the_body_and_read_back(live: Live) -> None:
    answer = live.post("parameter/gain", data=b"7")
    assert answer.status_code == 200
    assert answer.json() == live.read("config")["parameters_hash"]
    shown = live.get("parameter/gain")
    assert shown.content == b"7"
    assert shown.headers["content-type"] == "application/x.bytes"


def test_a_described_parameter_has_its_default_before_it_is_set(live: Live) -> None:
    assert live.get("parameter/gain").content == b"1"


def test_binary_values_come_back_as_they_were(live: Live) -> None:
    value = bytes(range(256)) * 1000
    assert live.post("parameter/mask", data=value).status_code == 200
    assert live.get("parameter/mask").content == value


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.binary(max_size=200), name=st.sampled_from(["mask", "a/b", "Ünïcode", "with space"]))
def test_any_bytes_under_any_name_come_back(live: Live, value: bytes, name: str) -> None:
    assert live.post(f"parameter/{name}", data=value).status_code == 200
    assert live.get(f"parameter/{name}").content == value


def test_a_parameter_that_is_not_there_is_404(live: Live) -> None:
    assert live.refused(live.get("parameter/nobody"), 404) == "Parameter not found"


@pytest.mark.parametrize("wrong", [b"many", b"", b"1.5", b"-1", b"101", b"\xff", b"[1]"])
def test_a_wrong_value_is_a_sentence_and_changes_nothing(live: Live, wrong: bytes) -> None:
    before = live.read("config")["parameters_hash"]
    sentence = live.refused(live.post("parameter/gain", data=wrong), 400)
    assert "gain" in sentence
    assert live.get("parameter/gain").content == b"1"
    assert live.read("config")["parameters_hash"] == before


def test_descriptions_are_listed_by_name(live: Live) -> None:
    listed = live.read("parameters")
    assert [one["name"] for one in listed] == ["dump_prefix", "gain"]
    gain = listed[1]
    assert {"name", "description", "dtype", "default"} <= set(gain)
    assert (gain["dtype"], gain["default"], gain["min"], gain["max"]) == ("int", 1, 0, 100)


def test_several_parameters_are_set_at_once_as_one_epoch(live: Live) -> None:
    before = live.read("config")["parameters_epoch"]
    values = {"gain": 4, "label": "günther", "roi": [1, 2], "on": True}
    answer = live.post("parameters", json=values)
    assert answer.status_code == 200
    config = live.read("config")
    assert config["parameters_epoch"] == before + 1
    assert config["parameters_hash"] == answer.json()
    assert live.get("parameter/gain").content == b"4"
    assert live.get("parameter/label").content.decode() == "günther"
    assert live.get("parameter/roi").content == b"[1, 2]"
    assert live.get("parameter/on").content == b"true"


def test_of_several_parameters_all_are_set_or_none(live: Live) -> None:
    sentence = live.refused(live.post("parameters", json={"label": "new", "gain": "lots"}), 400)
    assert "gain" in sentence
    assert live.get("parameter/label").status_code == 404


@pytest.mark.parametrize("body", [b"[1]", b"7", b"{", b"", b"\xff", b'{"": 1}', b'{"a": "\\ud800"}'])
def test_what_is_no_mapping_of_names_to_values_is_refused(live: Live, body: bytes) -> None:
    assert live.refused(live.post("parameters", data=body), 400)


def test_equal_parameters_have_equal_hashes(live: Live) -> None:
    first = live.post("parameter/gain", data=b"7").json()
    other = live.post("parameter/gain", data=b"8").json()
    again = live.post("parameter/gain", data=b"7").json()
    assert first == again != other


def test_a_change_while_a_run_goes_on_holds_from_one_event_on(live: Live) -> None:
    live.feeds["eiger"].send([start(), *map(frame, range(1, 11))])
    live.arm(simple_map(100))
    live.wait_for("progress", lambda progress: progress["reduced"] == 11)
    live.post("parameter/gain", data=b"9")
    live.feeds["eiger"].send(series(100)[11:])
    live.finished()
    results: dict[int, Any] = live.do(lambda: dict(live.bench.published["results"]))
    gains = [results[n]["gain"] for n in range(102)]
    change_at = gains.index(9)
    assert change_at >= 11
    assert gains == [1] * change_at + [9] * (102 - change_at)


def test_the_values_and_the_events_that_they_hold_from_are_told(live: Live) -> None:
    before = live.get("epochs").json()
    assert before["run"] is None
    live.feeds["eiger"].send(series(4))
    run = live.arm(simple_map(4))
    live.finished()
    live.post("parameters", json={"gain": 7})
    after = live.get("epochs").json()
    assert (after["run"], after["values"]["gain"]) == (run, 7)
    assert after["epoch"] > before["epoch"]
    assert after["epochs"][0]["first_event"] == 0


def test_a_file_and_its_name_are_set_as_one_epoch(live: Live) -> None:
    content = bytes(range(256))
    before = live.read("config")["parameters_epoch"]
    entries = [
        {"name": "mask", "data": "mask.npy"},
        {"name": "mask_file", "data": base64.b64encode(content).decode(), "encoding": "base64"},
    ]
    assert live.post("parameters", json=entries).status_code == 200
    assert live.get("parameter/mask").content == b"mask.npy"
    assert live.get("parameter/mask_file").content == content
    told = live.read("epochs")
    assert told["epoch"] == before + 1
    assert (
        told["values"]["mask_file"] == f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"
    )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "mask"}, 'has no "name" or no "data"'),
        ({"name": "mask", "data": "%", "encoding": "base64"}, "are not base64"),
    ],
)
def test_an_entry_that_is_none_is_refused(live: Live, entry: dict[str, str], said: str) -> None:
    assert said in live.refused(live.post("parameters", json=[entry]), 400)


def test_values_are_checked_without_being_set(live: Live) -> None:
    before = live.read("epochs")
    found = live.post("parameters/check", json={"gain": 900, "label": "x"}).json()
    assert found == {"gain": "parameter 'gain': 900 is above the maximum 100"}
    assert live.post("parameters/check", json={"gain": 9}).json() == {}
    assert live.read("epochs") == before


def test_an_earlier_epoch_is_set_again_with_the_bytes_that_it_had(live: Live) -> None:
    live.feeds["eiger"].send([start(), *map(frame, range(1, 11))])
    live.post("parameter/mask", data=b"\x00\x01")
    live.arm(simple_map(100))
    live.wait_for("progress", lambda progress: progress["reduced"] == 11)
    first = live.read("epochs")["epochs"][0]["epoch"]
    live.post("parameters", json={"gain": 7, "mask": "another"})
    hash_then = live.post(f"epochs/{first}").json()
    assert hash_then == live.read("config")["parameters_hash"]
    assert live.get("parameter/mask").content == b"\x00\x01"
    assert live.get("parameter/gain").content == b"1"
    whole = live.read("epochs")
    assert live.read("epochs?last=1") == {**whole, "epochs": whole["epochs"][-1:]}
    assert whole["count"] == len(whole["epochs"])
    assert "last is how many" in live.refused(live.get("epochs?last=0"), 400)
    number = live.read("epochs")["epoch"]
    assert live.post(f"epochs/{first}").json() == hash_then
    assert live.read("epochs")["epoch"] == number, "what holds already is no change"
    live.feeds["eiger"].send(series(100)[11:])
    live.finished()


def test_an_epoch_that_the_run_does_not_have_is_404(live: Live) -> None:
    assert "has no epoch 4711" in live.refused(live.post("epochs/4711"), 404)
