"""Checks the detectors of a pipeline file against its streams, each problem at its own line."""

from __future__ import annotations

from collections.abc import Iterator

from beamloom.detectors.geometry import Detector, geometry_problems
from beamloom.errors import did_you_mean
from beamloom.located_yaml import Key, Located
from beamloom.pipeline_file._check import Checker, Invalid
from beamloom.pipeline_file._common import STREAM_NAME


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
