"""Captures are read to their last byte, and anything else is refused with a sentence."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from beamloom.devices.captures import read_capture, write_capture
from beamloom.errors import UsageError

MESSAGES = [[b"header", b""], [b"x" * 100_000], [b"end"]]


def test_the_shared_captures_have_the_messages_that_their_devices_sent(
    capture: Callable[[str], list[list[bytes]]],
) -> None:
    assert {
        name: (len(messages), {len(message) for message in messages})
        for name in (
            "contrast-dump.cbors",
            "xspress3-dump.cbors",
            "xspress3mini-dump20.cbors",
            "xspress3-multipart.cbors",
        )
        for messages in [capture(name)]
    } == {
        "contrast-dump.cbors": (26, {1}),
        "xspress3-dump.cbors": (62, {1}),
        "xspress3mini-dump20.cbors": (68, {1}),
        "xspress3-multipart.cbors": (7, {1, 3}),
    }


def test_a_compressed_capture_is_read(capture: Callable[[str], list[list[bytes]]]) -> None:
    messages = capture("maui-02-sequential-3.cbor.gz")
    assert messages
    assert all(isinstance(frame, bytes) for message in messages for frame in message)


@pytest.mark.parametrize("name", ["some.cbors", "some.cbors.gz"])
def test_what_was_written_is_read_again(name: str, tmp_path: Path) -> None:
    assert write_capture(tmp_path / name, iter(MESSAGES)) == 3
    assert list(read_capture(tmp_path / name)) == MESSAGES
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_capture_whose_writing_fails_does_not_appear(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_capture(tmp_path / "some.cbors", [[b"good"], [None]])  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("compressed", [False, True])
def test_a_capture_that_breaks_off_gives_its_whole_messages_and_says_so(
    compressed: bool, tmp_path: Path
) -> None:
    path = tmp_path / ("some.cbors.gz" if compressed else "some.cbors")
    write_capture(tmp_path / "whole.cbors", MESSAGES)
    cut = (tmp_path / "whole.cbors").read_bytes()[:-1]
    path.write_bytes(gzip.compress(cut) if compressed else cut)
    messages = read_capture(path)
    assert [next(messages), next(messages)] == MESSAGES[:2]
    with pytest.raises(UsageError, match=r"past message 2.*copied whole"):
        next(messages)


def test_a_compressed_file_that_breaks_off_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "some.cbors.gz"
    write_capture(path, MESSAGES)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UsageError, match="copied whole"):
        list(read_capture(path))


@pytest.mark.parametrize("place", [0, -5])
def test_a_compressed_file_that_is_damaged_is_refused_with_a_sentence(tmp_path: Path, place: int) -> None:
    path = tmp_path / "a.cbors.gz"
    write_capture(path, [[b"a" * 1000]])
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(UsageError, match=r"cannot be read past message \d: .*; is it a capture"):
        list(read_capture(path))


def test_a_recording_is_refused_with_the_command_that_plays_it(shared_data: Path) -> None:
    with pytest.raises(UsageError, match=r"a recording of a run.*beamloom replay"):
        next(read_capture(shared_data / "captures" / "dump_xrd.cbors"))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("hello")
    with pytest.raises(UsageError, match="message 0"):
        list(read_capture(tmp_path / "some.txt"))
