"""Pipeline files: what they mean, and how a wrong one is refused."""

from __future__ import annotations

import contextlib
import re
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.errors import UsageError
from beamloom.located_yaml import FileError
from beamloom.pipeline_file import (
    DebugWorker,
    Pipeline,
    WorkerGroup,
    check_streams,
    json_schema,
    markdown,
    parse_pipeline,
    read_pipeline,
)
from beamloom.settings import StreamSettings

STREAM = "s: {device: stins, url: 'tcp://x:1'}"


@pytest.fixture
def analysis(tmp_path: Path) -> Path:
    """A folder with an analysis in it."""
    (tmp_path / "worker.py").touch()
    (tmp_path / "reducer.py").touch()
    (tmp_path / "parameters.json").write_text("{}")
    return tmp_path


def written(**changed: str) -> str:
    """A right pipeline file with some keys written otherwise; an empty text leaves the key out."""
    keys = {
        "streams": "{" + STREAM + "}",
        "workers": "{class: 'worker:W'}",
        "reducer": "{class: 'reducer:R'}",
        **changed,
    }
    return "".join(f"{key}: {text}\n" for key, text in keys.items() if text)


def refused(text: str, folder: Path) -> list[str]:
    """The lines with which a pipeline file is refused."""
    with pytest.raises(FileError) as error:
        parse_pipeline(text, folder=folder)
    return str(error.value).splitlines()


def test_the_example_in_the_documentation_is_right(repository: Path, analysis: Path) -> None:
    page = (repository / "docs" / "reference" / "pipeline-file.md").read_text()
    example, groups = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    pipeline = parse_pipeline(example, folder=analysis)
    assert pipeline.streams["xspress3"] == StreamSettings(
        device="xspress3", options={"url": "tcp://127.0.0.1:9999"}
    )
    assert pipeline.worker_groups == (WorkerGroup(worker_class="worker:FluorescenceWorker", count=2),)
    assert pipeline.parameters == {"roi_start": 120, "roi_stop": 180}
    two_groups = parse_pipeline(
        re.sub(r"workers:.*?(?=reducer:)", groups, example, flags=re.DOTALL), folder=analysis
    )
    assert [group.tags for group in two_groups.worker_groups] == [("generic",), ("preview",)]


def test_paths_are_relative_to_the_file(analysis: Path) -> None:
    file = analysis / "pipeline.yaml"
    file.write_text(written(analysis=".", parameters="parameters.json", recording="{prefix: recordings/}"))
    pipeline = read_pipeline(file)
    assert pipeline.analysis == str(analysis)
    assert pipeline.parameters == str(analysis / "parameters.json")
    assert pipeline.recording is not None
    assert pipeline.recording.prefix == f"{analysis}/recordings/"


def test_keys_that_are_left_out_have_defaults(analysis: Path) -> None:
    pipeline = parse_pipeline(written(), folder=analysis)
    assert pipeline.controller.http == "127.0.0.1:5000"
    assert pipeline.debugworker is None
    assert pipeline.recording is None
    assert parse_pipeline(written(debugworker="{}"), folder=analysis).debugworker == DebugWorker()


def test_an_unknown_key_is_refused_with_file_line_and_suggestion(analysis: Path) -> None:
    assert refused(
        "name: x\n" + written(streams="").replace("workers", "streams: {" + STREAM + "}\nworkrs"), analysis
    ) == ["pipeline.yaml:3: unknown key 'workrs' (did you mean 'workers'?)"]


def test_all_that_is_wrong_is_listed_by_line(analysis: Path) -> None:
    text = textwrap.dedent("""\
        nmae: x
        streams:
          a: {device: stinz, url: "tcp://x:1"}
          b: {device: stins, ulr: "tcp://x:1", receive_queue: many}
          c d: {device: stins, url: "tcp://x:1"}
          e: {url: "tcp://x:1"}
          f: stins
        workers:
          class: wroker:W
          count: 0
          tags: []
        reducer: {class: R, http: 5001}
        controller: {http: "127.0.0.1:5002"}
        debugworker: {http: "127.0.0.1:5002", keep_events: 1.5}
        analysis:
        parameters: params.json
        recording: {}
        settings: {heartbeat_timeout: 0.1, log_levl: INFO}
        """)
    lines = refused(text, analysis)
    expected = [
        (1, "unknown key 'nmae' (did you mean 'name'?)"),
        (3, "there is no device called 'stinz' (did you mean 'stins'?)"),
        (4, "'receive_queue' is 'many', but it takes a whole number"),
        (4, "unknown key 'ulr' (did you mean 'url'?)"),
        (5, "a stream cannot be called 'c d'"),
        (6, "the stream 'e' has to name its device; installed are "),
        (7, "the stream 'f' takes a device and its keys"),
        (9, "there is no module 'wroker' in"),
        (10, "'count' is 0, but it takes a whole number from 1"),
        (11, "'tags' is empty"),
        (12, "'class' is 'R', but it takes a class as module:Class"),
        (12, "'http' is 5001, but it takes an address as \"host:port\""),
        (14, "'keep_events' is 1.5, but it takes a whole number from 1"),
        (14, "debugworker and controller cannot both listen at 127.0.0.1:5002"),
        (15, "'analysis' is empty; it takes text"),
        (16, "there is no parameter file"),
        (17, "the key 'prefix' of 'recording' is missing"),
        (18, "heartbeat_timeout (0.1 s) must be longer than heartbeat_interval (0.2 s)"),
        (18, "unknown key 'log_levl' (did you mean 'log_level'?)"),
    ]
    assert len(lines) == len(expected)
    for line, (number, said) in zip(lines, expected, strict=True):
        assert line.startswith(f"pipeline.yaml:{number}: {said}"), line


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"streams": ""}, "the key 'streams' is missing; it takes streams by name"),
        ({"streams": "{}"}, "'streams' is empty"),
        ({"streams": "[a]"}, "'streams' is a list, but it takes streams by name"),
        ({"workers": "[]"}, "'workers' is empty"),
        ({"workers": "3"}, "'workers' is 3, but it takes a group"),
        ({"workers": "[3]"}, "'workers' is 3, but it takes a mapping with class, count, tags"),
        ({"reducer": "reducer:R"}, "'reducer' is 'reducer:R', but it takes a mapping with class, http"),
        ({"name": "on"}, "'name' is true, but it takes text; put quotes around it"),
        ({"controller": "{http: '127.0.0.1:99999'}"}, "the port of 'http' is beyond 65535"),
        ({"parameters": "[1]"}, "'parameters' is a list, but it takes the name of a parameter file"),
        ({"analysis": "nowhere"}, "there is no folder"),
        ({"analysis": "x" * 5000}, "cannot be looked at: File name too long"),
        ({"parameters": "''"}, "there is no parameter file"),
        ({"parameters": "x" * 5000}, "cannot be looked at: File name too long"),
        ({"settings": "{http_port: 3}"}, "unknown key 'http_port'"),
        ({"settings": "{allow_pickle: maybe}"}, "'allow_pickle' is 'maybe', but it takes true or false"),
        ({"settings": "[]"}, "'settings' is a list, but it takes settings by name"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(
    changed: dict[str, str], said: str, analysis: Path
) -> None:
    (line,) = refused(written(**changed), analysis)
    assert said in line


def test_a_number_that_yaml_takes_for_text_is_a_number(analysis: Path) -> None:
    pipeline = parse_pipeline(written(settings="{lookahead_seconds: 1e-3}"), folder=analysis)
    assert pipeline.settings == {"lookahead_seconds": 0.001}


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no keys"):
        parse_pipeline("- a\n- b\n", folder=tmp_path)


def test_streams_given_otherwise_are_checked_against_their_device() -> None:
    check_streams({"a": StreamSettings(device="stins", options={"url": "tcp://x:1"})})
    with pytest.raises(UsageError, match=r"unknown key 'ulr' \(did you mean 'url'\?\)"):
        check_streams({"a": StreamSettings(device="stins", options={"ulr": "tcp://x:1"})})


def test_a_streams_lists_and_mappings_are_checked_as_those_of_a_file() -> None:
    shape = {"kind": "images", "shape": [128, 128]}
    check_streams({"camera": StreamSettings(device="generator", options=shape)})
    with pytest.raises(UsageError, match="'shape' is"):
        check_streams(
            {"camera": StreamSettings(device="generator", options={**shape, "shape": [128, "wide"]})}
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [*Pipeline.__struct_fields__, "class", "count", "http", "device", "url", "prefix", "x"]
)


@given(
    st.dictionaries(
        KEYS, JSON | st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON, max_size=3), max_size=4)
    )
)
def test_whatever_stands_in_a_file_it_is_taken_or_refused_in_words(content: dict[str, Any]) -> None:
    with contextlib.suppress(UsageError):
        parse_pipeline(msgspec.json.encode(content).decode())


def test_a_stream_is_split_over_ingesters_when_its_device_allows_that(analysis: Path) -> None:
    text = written(streams="{s: {device: stins, url: 'tcp://x:1', ingesters: 3}}")
    pipeline = parse_pipeline(text, folder=analysis)
    assert pipeline.streams["s"] == StreamSettings(device="stins", ingesters=3, options={"url": "tcp://x:1"})
    for wrong, sentence in {
        "device: contrast, ingesters: 2": "the packets of contrast have no numbers",
        "device: stins, ingesters: 0": "'ingesters' is 0",
        "device: stins, ingesters: 2, arms: true": "leave out 'ingesters' or 'arms'",
    }.items():
        text = written(streams="{s: {" + wrong + ", url: 'tcp://x:1'}}")
        with pytest.raises(FileError, match=re.escape(sentence)):
            parse_pipeline(text, folder=analysis)


def test_streams_share_an_ingester_by_its_name(analysis: Path) -> None:
    box, camera = "device: contrast, url: 'tcp://x:1'", "device: stins, url: 'tcp://x:2'"
    text = written(
        streams=f"{{a: {{{box}, ingester: field}}, camera: {{{camera}}}, b: {{{box}, ingester: field}}, c: {{{box}, ingester: camera}}}}"
    )
    of_ingesters = parse_pipeline(text, folder=analysis).streams_of_ingesters
    assert {name: list(streams) for name, streams in of_ingesters.items()} == {
        "field": ["a", "b"],
        "camera": ["camera", "c"],
    }
    split = f"s: {{{camera}, ingesters: 2}}"
    for streams, sentence in {
        f"a: {{{box}, ingester: 'b c'}}": "'ingester' is 'b c', but it takes a name of letters, digits, dots",
        f"a: {{{box}, ingester: 2}}": "'ingester' is 2, but it takes a name",
        f"{split}, a: {{{box}, ingester: [s]}}": "'ingester' is a list, but it takes a name",
        f"s: {{{camera}, ingesters: 2, ingester: t}}": "'s' cannot be split and share an ingester; leave out",
        f"{split}, a: {{{box}, ingester: s}}": "'a' cannot share the ingesters of 's', which is split over several",
    }.items():
        with pytest.raises(FileError, match=re.escape(sentence)):
            parse_pipeline(written(streams=f"{{{streams}}}"), folder=analysis)


def test_the_streams_of_one_ingester_name_no_other(analysis: Path) -> None:
    stream = StreamSettings(device="stins", ingester="field", options={"url": "tcp://x:1"})
    with pytest.raises(UsageError, match=r"'a' is of this ingester; 'ingester' is for pipeline files"):
        check_streams({"a": stream})


def test_the_json_schema_names_the_keys_of_every_device() -> None:
    schema = json_schema()
    streams = schema["$defs"]["StreamSettings"]["anyOf"]
    by_device = {stream["properties"]["device"]["const"]: stream for stream in streams}
    assert {"contrast", "stins", "xspress3"} <= set(by_device)
    assert by_device["stins"]["required"] == ["device", "url"]
    assert by_device["stins"]["additionalProperties"] is False
    assert by_device["stins"]["properties"]["url"]["description"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["streams", "workers", "reducer"]
    assert "heartbeat_timeout" in schema["$defs"]["Settings"]["properties"]


def test_every_key_is_described_in_the_tables() -> None:
    rows = [line.split(" | ") for line in markdown().splitlines() if line.startswith("| `")]
    assert len(rows) > 30
    for row in rows:
        assert len(row) == 4, row
        assert row[3].strip(" |"), row
