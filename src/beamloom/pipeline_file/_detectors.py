"""Checks the detectors of a pipeline file against its streams, each problem at its own line; reads them without the rest of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from beamloom.detectors.geometry import Detector, geometry_problems
from beamloom.errors import UsageError, did_you_mean
from beamloom.located_yaml import FileError, Key, Located, read_yaml
from beamloom.pipeline_file._check import Checker, Invalid
from beamloom.pipeline_file._common import STREAM_NAME


def read_geometry(path: Path | str) -> dict[str, Detector]:
    """The detectors of a pipeline file, or of a file that holds nothing else, such as the one beside a recording.

    Raises UsageError for a file that cannot be read, FileError that lists every problem by line.
    """
    root = read_yaml(Path(path))
    if not isinstance(root.value, dict):
        raise UsageError(
            f"{path} holds no detectors; give it their names and tiles, as the pipeline file has them"
        )
    item = root.value.get(Key("detectors", 0), root)
    checker = Checker({})
    detectors = checker.read(item, dict[str, Detector], "detectors")
    check_detectors(checker, root.value.get(Key("streams", 0)), item)
    if checker.problems:
        raise FileError(str(path), checker.problems)
    read: dict[str, Detector] = detectors
    return read


def check_detectors(checker: Checker, streams: Located | None, detectors: Located | None) -> None:
    """Note names that cannot be, tiles of unknown streams, and tiles that lie on each other or outside."""
    if detectors is None or not isinstance(detectors.value, dict):
        return
    known = [key.text for key in streams.value] if streams and isinstance(streams.value, dict) else []
    for key, item in detectors.value.items():
        _check_name(checker, key, known)
        tiles = list(_tiles(item))
        for tile in tiles:
            stream = tile.value.get(Key("stream", 0)) if isinstance(tile.value, dict) else None
            if known and stream and isinstance(stream.value, str) and stream.value not in known:
                checker.note(
                    stream.line,
                    f"detector {key.text!r}: there is no stream {stream.value!r}{did_you_mean(stream.value, known)}; "
                    f"the streams of this file are {', '.join(known)}",
                )
        # What is wrong with the keys is noted with those of all others; only of sound ones the places can be compared.
        read = Checker({}).read(item, Detector, key.text)
        if not isinstance(read, Invalid):
            for index, sentence in geometry_problems(read):
                checker.note(tiles[index].line, f"detector {key.text!r}: {sentence}")


def _check_name(checker: Checker, key: Key, streams: list[str]) -> None:
    if key.text in streams:
        checker.note(
            key.line,
            f"a stream is called {key.text!r}, too; trigger maps name both, so give the detector another name",
        )
    if not STREAM_NAME.fullmatch(key.text):
        checker.note(
            key.line,
            f"a detector cannot be called {key.text!r}; use letters, digits, dots, dashes and underscores",
        )


def _tiles(item: Located) -> Iterator[Located]:
    tiles = item.value.get(Key("tiles", 0)) if isinstance(item.value, dict) else None
    if tiles and isinstance(tiles.value, list):
        yield from tiles.value
