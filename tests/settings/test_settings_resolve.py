"""Where a setting comes from, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.settings import (
    ControllerSettings,
    DebugWorkerSettings,
    IngesterSettings,
    ProcessSettings,
    ReducerSettings,
    SettingsError,
    Sourced,
    StreamSettings,
    WorkerSettings,
    all_settings,
    read_settings_file,
    resolve,
    settings_of,
    suspicious_variables,
)

STREAMS = {"detector": {"device": "stins", "url": "tcp://127.0.0.1:9999"}}


def problems_of(kind: type[ProcessSettings], **sources: Any) -> tuple[str, ...]:
    """The sentences with which the settings are refused."""
    with pytest.raises(SettingsError) as refused:
        resolve(
            kind,
            sources.get("command_line", {}),
            sources.get("environment", {}),
            sources.get("file"),
        )
    return refused.value.problems


@given(st.tuples(*[st.none() | st.integers(0, 65535)] * 3))
def test_command_line_wins_over_environment_over_file_over_default(
    ports: tuple[int | None, int | None, int | None],
) -> None:
    flag, variable, line = ports
    settings = resolve(
        ControllerSettings,
        {"http_port": None if flag is None else str(flag)},
        {} if variable is None else {"BEAMLOOM_HTTP_PORT": str(variable)},
        {} if line is None else {"http_port": Sourced(line, "site.yaml:1")},
    )
    assert settings.http_port == next((port for port in ports if port is not None), 5000)


@pytest.mark.parametrize(
    ("kind", "variable", "text", "field", "value"),
    [
        (WorkerSettings, "WORKER_CLASS", "a.b:C", "worker_class", "a.b:C"),
        (WorkerSettings, "WORKER_TAGS", '["generic", "fast"]', "tags", ("generic", "fast")),
        (WorkerSettings, "BEAMLOOM_TAGS", "generic, fast", "tags", ("generic", "fast")),
        (WorkerSettings, "WORKER_NAME", "w7", "name", "w7"),
        (DebugWorkerSettings, "WORKER_NAME", "d1", "name", "d1"),
        (ReducerSettings, "REDUCER_CLASS", "a:B", "reducer_class", "a:B"),
        (ReducerSettings, "BEAMLOOM_ALLOW_PICKLE", "no", "allow_pickle", False),
        (ReducerSettings, "LOG_LEVEL", "debug", "log_level", "DEBUG"),
        (ControllerSettings, "BEAMLOOM_PARAMETERS", '{"roi": [1, 2]}', "parameters", {"roi": [1, 2]}),
    ],
)
def test_a_variable_is_read_as_the_type_of_its_field(
    kind: type[ProcessSettings], variable: str, text: str, field: str, value: object
) -> None:
    assert getattr(resolve(kind, {}, {variable: text}), field) == value


def test_our_own_variable_wins_over_the_one_of_existing_deployments() -> None:
    environment = {"WORKER_CLASS": "old:One", "BEAMLOOM_WORKER_CLASS": "new:One"}
    assert resolve(WorkerSettings, {}, environment).worker_class == "new:One"


def test_an_empty_variable_counts_as_unset() -> None:
    unset = resolve(WorkerSettings, {"name": "w"}, {})
    assert resolve(WorkerSettings, {"name": "w"}, {"WORKER_TAGS": "", "LOG_LEVEL": ""}) == unset


def test_every_wrong_value_is_reported_with_the_place_where_it_was_written() -> None:
    problems = problems_of(
        ControllerSettings,
        command_line={"arm_timeout": "soon"},
        environment={"BEAMLOOM_HTTP_PORT": "70000"},
        file={
            "lookahead_seconds": Sourced(-1.0, "site.yaml:4"),
            "heartbeat_timout": Sourced(1.0, "site.yaml:5"),
        },
    )
    assert sorted(problems) == [
        "--arm-timeout is 'soon', but it takes a number of seconds above 0",
        "BEAMLOOM_HTTP_PORT is '70000', but it takes a port from 0 (any free one) to 65535",
        "site.yaml:4: 'lookahead_seconds' is -1.0, but it takes a number of seconds above 0",
        "site.yaml:5: unknown key 'heartbeat_timout' (did you mean 'heartbeat_timeout'?)",
    ]


def test_a_heartbeat_that_is_slower_than_its_timeout_is_refused() -> None:
    (problem,) = problems_of(WorkerSettings, command_line={"heartbeat_interval": "2"})
    assert problem.startswith("heartbeat_timeout (1.0 s) must be longer than heartbeat_interval (2.0 s)")


def test_a_required_setting_that_is_missing_is_named_with_its_flag_and_variable() -> None:
    (problem,) = problems_of(IngesterSettings)
    assert "--streams" in problem
    assert "BEAMLOOM_STREAMS" in problem


def test_streams_are_written_with_the_keys_of_their_device_side_by_side() -> None:
    environment = {
        "INGESTER_STREAMS": '{"detector": {"device": "stins", "url": "tcp://127.0.0.1:9999", "receive_queue": 5}}'
    }
    settings = resolve(IngesterSettings, {}, environment)
    options = {"url": "tcp://127.0.0.1:9999", "receive_queue": 5}
    assert settings.streams == {"detector": StreamSettings(device="stins", options=options)}
    assert settings.name == "detector-ingester"


def test_the_list_of_streams_of_existing_deployments_is_read() -> None:
    environment = {
        "INGESTER_STREAMS": '["eiger"]',
        "UPSTREAM_URL": "tcp://dcu:9999",
        "BEAMLOOM_DEVICE": "stins",
    }
    settings = resolve(IngesterSettings, {}, environment)
    assert settings.streams == {"eiger": StreamSettings(device="stins", options={"url": "tcp://dcu:9999"})}


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ('["a", "b"]', "exactly one name"),
        ('{"a": {"url": "tcp://x:1"}}', "does not name its device"),
        ('{"a": ', "not valid JSON"),
        ("{}", "takes streams with their devices"),
        ("7", "takes streams with their devices"),
    ],
)
def test_streams_that_cannot_be_read_are_refused(streams: str, said: str) -> None:
    (problem,) = problems_of(IngesterSettings, environment={"INGESTER_STREAMS": streams})
    assert problem.startswith("INGESTER_STREAMS is ")
    assert said in problem


def test_stream_settings_of_a_program_are_taken_as_they_are() -> None:
    streams = {"a": StreamSettings(device="stins", options={"url": "tcp://x:1"})}
    assert resolve(IngesterSettings, {"streams": streams}, {}).streams == streams


def test_a_settings_file_gives_values_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("# our site\nlog_level: WARNING\nheartbeat_timeout: 3\n")
    read = read_settings_file(file)
    assert resolve(WorkerSettings, {}, {}, read).heartbeat_timeout == 3.0
    assert read["log_level"] == Sourced("WARNING", f"{file}:2")


@pytest.mark.parametrize("kind", all_settings().values())
def test_workers_get_names_that_differ_and_others_the_name_of_their_kind(kind: type[ProcessSettings]) -> None:
    given = {"streams": STREAMS} if kind is IngesterSettings else {}
    first, second = (resolve(kind, given, {}).name for _ in range(2))
    assert (first != second) == issubclass(kind, WorkerSettings)
    assert first


@pytest.mark.parametrize("kind", all_settings().values())
def test_every_setting_says_what_it_means_and_what_it_takes(kind: type[ProcessSettings]) -> None:
    for setting in settings_of(kind).values():
        assert setting.description.endswith((".", ")")), setting.name
        assert setting.expects not in ("", "a value"), setting.name
        assert setting.variables[0] == f"BEAMLOOM_{setting.name.upper()}"


def test_a_variable_that_nothing_reads_but_almost_has_a_settings_name_is_noticed() -> None:
    environment = {
        "BEAMLOOM_HEARTBEAT_TIMOUT": "3",
        "BEAMLOOM_LOG_LEVEL": "INFO",
        "BEAMLOOM_SERVICE_HOST": "x",
    }
    (sentence,) = suspicious_variables(WorkerSettings, environment)
    assert "did you mean BEAMLOOM_HEARTBEAT_TIMEOUT?" in sentence
