"""What a reducer knows of the deaths of those before it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from beamloom.services.reducer.last_words import (
    CRASH,
    DEATHS,
    DEATHS_OF_POISON,
    NOBODY,
    NOTE,
    Deaths,
    LastWords,
)

CRASHED = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n"
RUN, OTHER = "run-1", "run-2"
SLOT, EVENT = 3, 17


def begin(words: LastWords) -> None:
    """The user's class is called with the result."""
    words.at_work(SLOT)[0] = EVENT


def end(words: LastWords) -> None:
    words.at_work(SLOT)[0] = NOBODY


def poison(words: LastWords, slot: int, event: int) -> Deaths | None:
    """Because of which deaths the result is set aside."""
    found = words.deadly(slot, 0, 2 * event)
    assert words.deadly(slot, event, event + 1) == {key: one for key, one in found.items() if key == event}
    return found.get(event)


def die(words: LastWords, folder: Path, said: str = "") -> None:
    """End a life in the middle of a call: its note stays as it is."""
    begin(words)
    (folder / CRASH).write_text(said)


def life(folder: Path, run: str = RUN) -> LastWords:
    words = LastWords(folder)
    words.take_up(run)
    return words


def test_a_result_is_set_aside_after_its_second_crash(tmp_path: Path) -> None:
    first = LastWords(tmp_path)
    first.begin_run(RUN)
    die(first, tmp_path, CRASHED)
    second = life(tmp_path)
    assert poison(second, SLOT, EVENT) is None
    assert "event 17 (slot 3): Fatal Python error: Segmentation fault" in str(second.before)
    die(second, tmp_path, CRASHED)
    third = life(tmp_path)
    deaths = poison(third, SLOT, EVENT)
    assert deaths is not None
    assert "died 2 times with the result of event 17 (Segmentation fault)" in deaths.failure(EVENT).message
    assert poison(third, SLOT, EVENT + 1) is None
    assert poison(third, SLOT + 1, EVENT) is None
    # It stays so for whoever comes after a death somewhere else.
    assert poison(life(tmp_path), SLOT, EVENT) is not None


def test_deaths_without_a_word_may_be_anybodys_and_take_one_more(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.begin_run(RUN)
    for _ in range(DEATHS_OF_POISON):
        assert poison(words, SLOT, EVENT) is None
        die(words, tmp_path)
        words = life(tmp_path)
    assert poison(words, SLOT, EVENT) is not None


def test_a_life_that_ends_between_two_results_blames_none(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.begin_run(RUN)
    for _ in range(5):
        begin(words)
        end(words)
        (tmp_path / CRASH).write_text(CRASHED)
        words = life(tmp_path)
        assert words.before is None
    assert poison(words, SLOT, EVENT) is None


def test_deaths_of_another_run_do_not_count(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.begin_run(RUN)
    for run in (OTHER, RUN, OTHER, RUN):
        die(words, tmp_path, CRASHED)
        words = life(tmp_path, run)
        assert words.before is None
        assert poison(words, SLOT, EVENT) is None


def test_a_run_that_is_taken_up_twice_by_one_life_counts_no_death(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.begin_run(RUN)
    begin(words)
    for _ in range(5):
        words.take_up(RUN)
    assert poison(words, SLOT, EVENT) is None


@pytest.mark.parametrize("name", [NOTE, DEATHS])
@pytest.mark.parametrize("content", [b"", b"\xff" * 10, os.urandom(4096)])
def test_whatever_stands_in_the_files_a_life_begins(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    words = life(tmp_path)
    begin(words)
    end(words)
    words.close(remove=True)
    assert not list(tmp_path.iterdir())


def test_without_a_folder_nothing_is_noted_and_nothing_fails(tmp_path: Path) -> None:
    for words in (LastWords(), LastWords(tmp_path / "none" / "there")):
        words.begin_run(RUN)
        words.take_up(RUN)
        begin(words)
        end(words)
        assert poison(words, SLOT, EVENT) is None
        words.close(remove=True)


def test_a_process_that_really_crashes_leaves_its_stack(tmp_path: Path) -> None:
    code = (
        "import ctypes, pathlib, resource, sys\n"
        "from beamloom.services.reducer.last_words import LastWords\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        f"words = LastWords(pathlib.Path(sys.argv[1]), hears_crashes=True); words.take_up({RUN!r})\n"
        f"words.at_work({SLOT})[0] = {EVENT}\n"
        "def harm(): ctypes.string_at(0)\n"
        "harm()\n"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, timeout=60, check=False
        )
        assert done.returncode < 0, done.stderr
    deaths = poison(life(tmp_path), SLOT, EVENT)
    assert deaths is not None
    assert "in harm" in deaths.failure(EVENT).traceback
