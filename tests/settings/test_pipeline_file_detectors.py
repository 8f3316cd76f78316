"""Detectors in a pipeline file: what they mean, how a wrong one is refused, and how they reach the controller."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from beamloom.detectors.geometry import Detector, Tile
from beamloom.errors import UsageError
from beamloom.located_yaml import FileError
from beamloom.pipeline_file import json_schema, parse_pipeline, read_geometry
from beamloom.placement.layout import layout_of
from beamloom.recordings import RecordingNames, write_detectors
from beamloom.settings import ControllerSettings, resolve
from beamloom.triggermap import TriggerMap, expand

HEAD = """\
streams:
  upper: {device: stins, url: "tcp://x:1"}
  lower: {device: stins, url: "tcp://x:2"}
workers: {class: "json:W"}
reducer: {class: "json:R"}
controller: {http: "127.0.0.1:0"}
"""
LINES = HEAD.count("\n")


def parse(detectors: str, folder: Path) -> Any:
    return parse_pipeline(HEAD + textwrap.dedent(detectors), folder=folder).detectors


def test_tiles_have_a_place_and_may_be_turned_flipped_and_sized(tmp_path: Path) -> None:
    text = """\
        detectors:
          jungfrau:
            shape: [1064, 1030]
            fill: -1
            tiles:
              - {stream: upper, at: [0, 0], rotate: 180}
              - {stream: lower, at: [550, 0], flip: rows, size: [512, 1024]}
        """
    upper = Tile(stream="upper", at=(0, 0), rotate=180)
    lower = Tile(stream="lower", at=(550, 0), flip="rows", size=(512, 1024))
    expected = Detector(tiles=(upper, lower), shape=(1064, 1030), fill=-1)
    assert parse(text, tmp_path) == {"jungfrau": expected}


def test_all_that_is_wrong_is_listed_by_line(tmp_path: Path) -> None:
    text = """\
        detectors:
          upper: {tiles: [{stream: lower, at: [0, 0]}]}
          a b: {tiles: [{stream: lower, at: [0, 0]}]}
          jungfrau:
            shape: [100, 100]
            tiles:
              - {stream: uper, at: [0, 0]}
              - {stream: lower, at: [0, 0]}
              - {stream: upper, at: [90, 90], size: [20, 4]}
              - {stream: upper, at: [50, 0]}
          mistyped:
            tils: []
            tiles:
              - {stream: uppr, at: [0], rotate: 45}
              - {stream: lower, flip: both}
          empty: {tiles: []}
          bare: {}
          three: 3
        """
    with pytest.raises(FileError) as error:
        parse(text, tmp_path)
    expected = [
        (2, "a stream is called 'upper', too"),
        (3, "a detector cannot be called 'a b'"),
        (7, "detector 'jungfrau': there is no stream 'uper' (did you mean 'upper'?)"),
        (8, "detector 'jungfrau': the tile 'lower' lies on the tile 'uper'"),
        (
            9,
            "detector 'jungfrau': the tile 'upper' reaches to row 109 and column 93, beyond the shape [100, 100]",
        ),
        (10, "detector 'jungfrau': the stream 'upper' is named for two tiles"),
        (12, "unknown key 'tils' (did you mean 'tiles'?)"),
        (14, "'at' is a list, but it takes a row and a column from 0"),
        (14, "'rotate' is 45, but it takes one of 0, 90, 180, 270"),
        (14, "detector 'mistyped': there is no stream 'uppr' (did you mean 'upper'?)"),
        (15, "'flip' is 'both', but it takes one of"),
        (15, "the key 'at' of 'tiles' is missing; it takes a row and a column"),
        (16, "'tiles' is empty; it takes at least 1"),
        (17, "the key 'tiles' of 'bare' is missing"),
        (18, "'three' is 3, but it takes a mapping with tiles, shape, fill"),
    ]
    lines = str(error.value).splitlines()
    assert len(lines) == len(expected), "\n".join(lines)
    for line, (number, said) in zip(lines, expected, strict=True):
        assert line.startswith(f"pipeline.yaml:{LINES + number}: {said}"), line


def test_the_controller_is_told_the_geometry_and_reads_it_as_it_was(tmp_path: Path) -> None:
    pipeline = parse_pipeline(
        HEAD + "detectors: {big: {fill: .nan, tiles: [{stream: upper, at: [0, 9], rotate: 90}]}}",
        folder=tmp_path,
    )
    (controller,) = [spec for spec in layout_of(pipeline).processes if spec.name == "controller"]
    (flag,) = [word for word in controller.argv if word.startswith("--detectors=")]
    settings = resolve(ControllerSettings, {"detectors": flag.partition("=")[2]}, {})
    assert settings.detectors == pipeline.detectors
    assert settings.detectors["big"].tiles[0].rotate == 90


def test_without_detectors_no_variable_of_the_shell_brings_any(tmp_path: Path) -> None:
    (controller,) = [
        spec
        for spec in layout_of(parse_pipeline(HEAD, folder=tmp_path)).processes
        if spec.name == "controller"
    ]
    assert not [word for word in controller.argv if word.startswith("--detectors")]
    assert controller.env["BEAMLOOM_DETECTORS"] == ""


def test_a_geometry_given_to_the_controller_itself_is_checked_as_well() -> None:
    tiles = [{"stream": "a", "at": [0, 0]}, {"stream": "b", "at": [0, 0]}]
    with pytest.raises(UsageError, match="detector 'big': the tile 'b' lies on the tile 'a'"):
        resolve(ControllerSettings, {"detectors": json.dumps({"big": {"tiles": tiles}})}, {})


def test_editors_learn_the_keys_of_detectors_and_tiles_from_the_schema() -> None:
    definitions = json_schema()["$defs"]
    assert definitions["Detector"]["required"] == ["tiles"]
    assert definitions["Tile"]["required"] == ["stream", "at"]
    assert definitions["Tile"]["additionalProperties"] is False


def test_the_example_in_the_how_to_is_right(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "how-to" / "several-modules.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for module in ("worker", "reducer"):
        (tmp_path / f"{module}.py").touch()
    (jungfrau,) = parse_pipeline(example, folder=tmp_path).detectors.values()
    assert jungfrau.streams == ("jf0", "jf1")
    (written,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    trigger_map = expand(TriggerMap.from_json(json.loads(written)), {"jungfrau": jungfrau.streams})
    assert trigger_map.streams == ("jf0", "jf1", "contrast")


def test_a_geometry_is_read_from_a_pipeline_file_or_from_a_file_of_its_own(tmp_path: Path) -> None:
    alone = "big: {tiles: [{stream: upper, at: [0, 0]}]}"
    whole, bare = tmp_path / "pipeline.yaml", tmp_path / "geometry.yaml"
    whole.write_text(f"{HEAD}detectors: {{{alone}}}")
    bare.write_text(alone)
    expected = {"big": Detector(tiles=(Tile(stream="upper", at=(0, 0)),))}
    assert read_geometry(whole) == read_geometry(bare) == expected
    assert read_geometry(write_detectors(RecordingNames(f"{tmp_path}/", "run"), expected)) == expected


def test_a_wrong_geometry_in_a_file_of_its_own_is_refused_by_line(tmp_path: Path) -> None:
    file = tmp_path / "geometry.yaml"
    file.write_text(
        "big:\n  tiles:\n  - {stream: a, at: [0, 0]}\n  - {stream: b, at: [0, 0]}\n  fil: 3\nb: {}\n"
    )
    with pytest.raises(FileError) as error:
        read_geometry(file)
    lines = [line.removeprefix(f"{file}:").partition(";")[0] for line in str(error.value).splitlines()]
    assert lines[0] == "5: unknown key 'fil' (did you mean 'fill'?)"
    assert lines[1].startswith("6: the key 'tiles' of 'b' is missing")
    file.write_text("- a\n")
    with pytest.raises(UsageError, match="holds no detectors"):
        read_geometry(file)
