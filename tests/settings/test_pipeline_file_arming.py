"""Keys of the pipeline file that say which devices arm runs, and what those runs are like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beamloom.located_yaml import FileError
from beamloom.pipeline_file import Pipeline, json_schema, parse_pipeline
from beamloom.placement.layout import layout_of
from beamloom.settings import IngesterSettings, StreamSettings, resolve

STREAMS = """\
streams:
  scan: {device: bluesky, url: "tcp://127.0.0.1:5578", arms: true}
  eiger: {device: stins, url: "tcp://127.0.0.1:9999"}
  slow: {device: stins, url: "tcp://127.0.0.1:9998"}
workers: {class: "json:Worker"}
reducer: {class: "json:Reducer"}
"""


def read(more: str = "", folder: Path | None = None) -> Pipeline:
    return parse_pipeline(STREAMS + more, folder=folder)


def problems(more: str, folder: Path | None = None) -> str:
    with pytest.raises(FileError) as refused:
        read(more, folder)
    return str(refused.value)


def flags(pipeline: Pipeline, process: str) -> dict[str, str]:
    (spec,) = [spec for spec in layout_of(pipeline).processes if spec.name == process]
    return dict(word.split("=", 1) for word in spec.argv if word.startswith("--") and "=" in word)


def test_a_stream_that_arms_is_told_so_and_its_device_is_not_asked_about_it() -> None:
    pipeline = read()
    scan = pipeline.streams["scan"]
    assert (scan.arms, scan.options) == (True, {"url": "tcp://127.0.0.1:5578"})
    assert not pipeline.streams["eiger"].arms
    given = flags(pipeline, "scan-ingester")["--streams"]
    settings = resolve(IngesterSettings, {"streams": given}, {})
    assert settings.streams == {"scan": scan}


def test_all_streams_of_the_file_take_part_unless_it_names_some() -> None:
    assert read().arming_streams == ("scan", "eiger", "slow")
    some = read("arming: {streams: [scan, eiger]}\n")
    assert some.arming_streams == ("scan", "eiger")
    assert json.loads(flags(some, "controller")["--arming-streams"]) == ["scan", "eiger"]


def test_where_no_stream_arms_the_controller_is_told_nothing() -> None:
    pipeline = parse_pipeline(STREAMS.replace(", arms: true", ""))
    assert pipeline.arming_streams == ()
    assert "--arming-streams" not in flags(pipeline, "controller")


def test_a_map_is_found_beside_the_pipeline_file(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text("{}")
    pipeline = read("arming: {map: map.json}\n", tmp_path)
    assert flags(pipeline, "controller")["--arming-map"] == str(tmp_path / "map.json")
    assert pipeline.arming_streams == ()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("arming: {streams: [scan, eigr]}\n", "no stream 'eigr' (did you mean 'eiger'?)"),
        (
            "arming: {streams: [eiger]}\n",
            "the stream 'scan' arms runs, but is not among 'streams' of 'arming'",
        ),
        ("arming: {map: nowhere.json}\n", "no trigger map"),
        ("arming: {streams: [scan], map: m.json}\n", "not both"),
        ("arming: {stream: [scan]}\n", "unknown key 'stream'"),
    ],
)
def test_what_cannot_be_is_said_at_its_line(more: str, sentence: str, tmp_path: Path) -> None:
    assert sentence in problems(more, tmp_path)


def test_arms_takes_yes_or_no() -> None:
    with pytest.raises(FileError, match="'arms'"):
        parse_pipeline(STREAMS.replace("arms: true", "arms: 3"))


def test_streams_are_written_as_they_are_read() -> None:
    stream = StreamSettings(device="stins", options={"url": "tcp://x:1"}, arms=True)
    assert stream.written() == {"device": "stins", "arms": True, "url": "tcp://x:1"}
    assert msgspec.structs.replace(stream, arms=False).written() == {"device": "stins", "url": "tcp://x:1"}


def test_an_editor_completes_the_key_for_every_device() -> None:
    streams: list[dict[str, Any]] = json_schema()["$defs"]["StreamSettings"]["anyOf"]
    assert all(stream["properties"]["arms"]["type"] == "boolean" for stream in streams)
