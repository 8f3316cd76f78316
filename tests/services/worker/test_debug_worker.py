"""The debug worker keeps the last events of its tag and shows them over HTTP."""

from __future__ import annotations

import pickle

import pytest
import requests

from beamloom.events import Event
from beamloom.parameters import Parameters
from beamloom.services.worker.debugworker import LastEvents, make_app
from beamloom.transport.http_server import HttpServer
from beamloom.triggermap import TriggerMap
from services.bench import Bench, Feed, counts, series
from support.patience import PATIENCE


def test_it_keeps_the_last_events_and_the_run_needs_it_like_any_worker() -> None:
    kept = LastEvents(5)
    cells = [[{"constraint": n}, {"tags": ["debug"]}] for n in range(20)]
    with Bench({"eiger": Feed(series(20))}) as bench:
        bench.add_worker("debug", tags=("debug",), load=lambda: kept, role="debugworker")
        bench.until(bench.everyone_known)
        active = bench.play(TriggerMap.from_mapping({"eiger": cells}))
        assert counts(active) == (22, 0, 0)
        assert [event.event_number for event in kept.last(100)] == [17, 18, 19, 20, 21]
        assert [event.event_number for event in kept.last(2)] == [20, 21]
        assert kept.last(0) == []
        assert kept.last(1)[0].streams["eiger"].frames == [b"21"]


@pytest.fixture
def url() -> object:
    kept = LastEvents(3)
    with Bench({"eiger": Feed(series(4))}) as bench:
        bench.add_worker("debug", tags=("debug",), load=lambda: kept, role="debugworker")
        bench.until(bench.everyone_known)
        bench.play(TriggerMap.from_mapping({"eiger": [[{"tags": ["debug"]}]] * 4}))
    with HttpServer(make_app(kept)) as server:
        yield server.url


def test_its_events_are_pickled_for_scripts(url: str) -> None:
    answer = requests.get(f"{url}/api/v1/last_events?number=2", timeout=PATIENCE)
    assert answer.headers["content-type"] == "application/x.pickle"
    events = pickle.loads(answer.content)
    assert [event.event_number for event in events] == [4, 5]
    assert isinstance(events[0], Event)
    assert events[0].streams["eiger"].frames == [b"4"]
    assert requests.get(f"{url}/api/v1/status", timeout=PATIENCE).json() is True


@pytest.mark.parametrize(
    ("query", "headers"), [("", {"accept": "application/json"}), ("?format=json", {"accept": "*/*"})]
)
def test_its_events_are_described_for_people(url: str, query: str, headers: dict[str, str]) -> None:
    (described,) = requests.get(f"{url}/api/v1/last_events{query}", headers=headers, timeout=PATIENCE).json()
    packet = described["streams"]["eiger"]
    assert described["event_number"] == 5
    assert (packet["typ"], packet["number"], packet["kind"]) == ("test", 5, "end")
    assert packet["frames"] == [{"bytes": 1, "begins": "5"}]
    assert packet["problem"].startswith(
        "UnknownPacketType: no parser is installed for packets of type 'test'"
    )


def test_a_format_that_is_asked_for_wins_over_what_is_accepted(url: str) -> None:
    asked = f"{url}/api/v1/last_events?format=pickle"
    answer = requests.get(asked, headers={"accept": "application/json"}, timeout=PATIENCE)
    assert pickle.loads(answer.content)[0].event_number == 5
    answer = requests.get(f"{url}/api/v1/last_events?format=hdf5", timeout=PATIENCE)
    assert (answer.status_code, answer.json()) == (
        400,
        {"detail": "there is no format 'hdf5'; ask for json or pickle"},
    )


def test_nothing_is_sent_anew_while_no_event_comes() -> None:
    kept = LastEvents(3)
    parameters = Parameters().current
    kept.process(Event(1, {}), parameters, False)
    with HttpServer(make_app(kept)) as server:
        asked = f"{server.url}/api/v1/last_events?format=json&number=2"
        first = requests.get(asked, timeout=PATIENCE)
        headers = {"if-none-match": first.headers["etag"]}
        assert requests.get(asked, headers=headers, timeout=PATIENCE).status_code == 304
        kept.process(Event(2, {}), parameters, False)
        answer = requests.get(asked, headers=headers, timeout=PATIENCE)
        assert [event["event_number"] for event in answer.json()] == [1, 2]


def test_a_page_shows_them(url: str) -> None:
    answer = requests.get(url, timeout=PATIENCE)
    assert answer.headers["content-type"].startswith("text/html")
    assert "/api/v1/last_events?format=json" in answer.text


def test_a_wrong_number_is_refused_with_a_sentence(url: str) -> None:
    answer = requests.get(f"{url}/api/v1/last_events?number=-1", timeout=PATIENCE)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "number is a count of events, not '-1'"}
