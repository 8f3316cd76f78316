"""The variables of existing dranspose deployments are understood, or a sentence says why not."""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.settings import (
    ControllerSettings,
    DebugWorkerSettings,
    IngesterSettings,
    ProcessSettings,
    ReducerSettings,
    SettingsError,
    WorkerSettings,
    existing_notes,
    resolve,
)

STREAM = {"INGESTER_STREAMS": '["eiger"]', "UPSTREAM_URL": "tcp://dcu:9999", "BEAMLOOM_DEVICE": "stins"}


@pytest.mark.parametrize(
    ("kind", "environment", "expected"),
    [
        (ControllerSettings, {"REDIS_URL": "redis://r:6379/0"}, {"store": "redis://r:6379/0"}),
        (WorkerSettings, {"SERVICE_REDIS_DSN": "redis://r/1"}, {"store": "redis://r/1", "controller": ""}),
        (WorkerSettings, {}, {"store": "", "controller": "tcp://127.0.0.1:10500"}),
        (
            WorkerSettings,
            {"WORKER_CLASS": "a:B", "WORKER_TAGS": '["x", "y"]', "WORKER_NAME": "w", "LOG_LEVEL": "warning"},
            {"worker_class": "a:B", "tags": ("x", "y"), "name": "w", "log_level": "WARNING"},
        ),
        (DebugWorkerSettings, {"WORKER_TAGS": '["debug"]'}, {"tags": ("debug",)}),
        (
            ReducerSettings,
            {"REDUCER_CLASS": "a:R", "REDUCER_URL": "tcp://ns-reducer:10010"},
            {"reducer_class": "a:R", "bind": "0.0.0.0", "advertise": "ns-reducer", "data_port": 10010},
        ),
        (
            IngesterSettings,
            STREAM | {"INGESTER_URL": "tcp://localhost:10000", "INGESTER_NAME": "one"},
            {"bind": "127.0.0.1", "advertise": "", "data_port": 10000, "name": "one"},
        ),
        (
            IngesterSettings,
            STREAM | {"INGESTER_URL": "tcp://*:7"},
            {"bind": "0.0.0.0", "advertise": "", "data_port": 7},
        ),
        (IngesterSettings, STREAM | {"DUMP_PATH": "/data/eiger.pkls"}, {"record_prefix": "/data/eiger-"}),
        (
            IngesterSettings,
            STREAM | {"DUMP_PATH": "/data/v1.2/x.cbors.gz"},
            {"record_prefix": "/data/v1.2/x-"},
        ),
    ],
)
def test_what_existing_deployments_set_is_understood(
    kind: type[ProcessSettings], environment: dict[str, str], expected: dict[str, Any]
) -> None:
    settings = resolve(kind, {}, environment)
    assert {name: getattr(settings, name) for name in expected} == expected


def test_a_setting_s_own_variable_and_flag_win() -> None:
    environment = {"REDUCER_URL": "tcp://ns-reducer:10010", "BEAMLOOM_BIND": "10.1.0.0/16"}
    settings = resolve(ReducerSettings, {"data_port": "7"}, environment)
    assert (settings.bind, settings.advertise, settings.data_port) == ("10.1.0.0/16", "ns-reducer", 7)
    assert resolve(WorkerSettings, {}, {"REDUCER_URL": "tcp://ns-reducer:10010"}).data_port == 0


@pytest.mark.parametrize(
    "url", ["ns-reducer:10010", "tcp://ns-reducer", "http://a:1", "tcp://a:port", "tcp://a:99999"]
)
def test_an_address_that_is_none_is_refused_with_a_right_one(url: str) -> None:
    with pytest.raises(
        SettingsError, match=r"REDUCER_URL is '.*', but it takes an address such as tcp://ingester"
    ):
        resolve(ReducerSettings, {}, {"REDUCER_URL": url})


def test_a_list_of_streams_without_their_device_says_what_is_missing() -> None:
    with pytest.raises(SettingsError, match="the address in UPSTREAM_URL and the device in BEAMLOOM_DEVICE"):
        resolve(IngesterSettings, {}, {"INGESTER_STREAMS": '["eiger"]', "UPSTREAM_URL": "tcp://dcu:9999"})


def test_what_is_done_otherwise_is_said() -> None:
    environment = {"DUMP_PATH": "/data/eiger.pkls"}
    (sentence,) = existing_notes(IngesterSettings, environment)
    assert "a file of its own instead of behind the others in one: /data/eiger-NAME-RUN.cbors" in sentence
    assert existing_notes(WorkerSettings, environment) == []
    assert existing_notes(IngesterSettings, environment | {"BEAMLOOM_RECORD_PREFIX": "/x"}) == []
