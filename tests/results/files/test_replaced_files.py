"""A file of results is whole at every moment, and never takes the place of somebody else's."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from beamloom.errors import UsageError
from beamloom.results.files.exchanging import ExchangedFolder, remove_unfinished_folders
from beamloom.results.files.naming import check_file, file_of_run
from beamloom.results.files.raw import RawFile
from beamloom.results.files.replacing import UNFINISHED, ReplacedFile, remove_unfinished
from beamloom.rules.engine.lock import lock
from beamloom.rules.errors import LedgerError


def version(file: ReplacedFile, text: bytes) -> Path:
    return file.replace(lambda raw: raw.write(text))


def test_versions_follow_each_other_under_one_name(tmp_path: Path) -> None:
    file = ReplacedFile(tmp_path / "new" / "a.h5")
    for text in (b"one", b"two"):
        assert version(file, text).read_bytes() == text
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.h5"]


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("theirs")
    (tmp_path / "a_1.h5").write_text("theirs, too")
    file = ReplacedFile(tmp_path / "a.h5")
    version(file, b"one")
    assert version(file, b"two") == tmp_path / "a_2.h5"
    assert (tmp_path / "a.h5").read_text() == "theirs"
    assert (tmp_path / "a_2.h5").read_bytes() == b"two"


def test_a_file_that_came_to_stand_in_its_place_is_left_as_it_is(tmp_path: Path) -> None:
    file = ReplacedFile(tmp_path / "a.h5")
    version(file, b"one")
    (tmp_path / "other").write_text("theirs")
    (tmp_path / "other").replace(tmp_path / "a.h5")
    assert version(file, b"two") == tmp_path / "a_1.h5"
    assert (tmp_path / "a.h5").read_text() == "theirs"


def test_a_file_that_was_removed_comes_again(tmp_path: Path) -> None:
    file = ReplacedFile(tmp_path / "a.h5")
    version(file, b"one").unlink()
    assert version(file, b"two") == tmp_path / "a.h5"


def test_an_error_while_writing_changes_nothing(tmp_path: Path) -> None:
    file = ReplacedFile(tmp_path / "a.h5")
    version(file, b"one")

    def failing(raw: RawFile) -> None:
        raw.write(b"half")
        raw.error = OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        file.replace(failing)
    assert (tmp_path / "a.h5").read_bytes() == b"one"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_system_without_links_serves_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "a.h5").write_text("theirs")
    file = ReplacedFile(tmp_path / "a.h5")
    assert version(file, b"one") == tmp_path / "a_1.h5"
    assert version(file, b"two").read_bytes() == b"two"
    assert (tmp_path / "a.h5").read_text() == "theirs"


def test_only_what_nobody_writes_any_more_is_removed(tmp_path: Path) -> None:
    dead = tmp_path / f".b.h5.1{UNFINISHED}"
    dead.write_text("half")
    seen: list[str] = []

    def looking(raw: RawFile) -> None:
        remove_unfinished(tmp_path)
        seen.extend(path.name for path in tmp_path.iterdir())

    ReplacedFile(tmp_path / "a.h5").replace(looking)
    assert seen == [f".a.h5.{os.getpid()}{UNFINISHED}"]


def test_a_version_is_free_for_readers_as_soon_as_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, replace = os.link, Path.replace

    def is_free(path: Path) -> None:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def looking_link(source: Path, target: Path) -> None:
        link(source, target)
        is_free(target)

    def looking_replace(source: Path, target: Path) -> Path:
        moved = replace(source, target)
        is_free(moved)
        return moved

    monkeypatch.setattr(os, "link", looking_link)
    monkeypatch.setattr(Path, "replace", looking_replace)
    file = ReplacedFile(tmp_path / "a.h5")
    for text in (b"one", b"two"):
        assert version(file, text).read_bytes() == text


def test_names_are_made_of_the_run(tmp_path: Path) -> None:
    path = file_of_run("{name}/{date}/{run}-{time}.h5", "a/b c", 1_700_000_000.0, "reducer")
    assert path.parts[0] == "reducer"
    assert path.parts[1].startswith("2023-11-1")
    assert path.name.startswith("a_b_c-")
    assert path.suffix == ".h5"


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{rum}.h5", r"did you mean 'run'.*there are \{run\}"),
        ("{run}.txt", "does not say in which format"),
        ("{run.h5", "is no template"),
        ("{}.h5", "is not known"),
    ],
)
def test_a_template_that_is_wrong_is_refused_with_a_sentence(template: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        check_file(template)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_serves_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_locks(*about: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    file, folder = ReplacedFile(tmp_path / "a.h5"), ExchangedFolder(tmp_path / "b.zarr")
    for text in (b"first", b"second"):
        assert file.replace(lambda raw: raw.write(text)).read_bytes() == text  # noqa: B023
        assert (folder.replace(lambda made: (made / "c").write_bytes(text)) / "c").read_bytes() == text  # noqa: B023
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.zarr"]


def test_what_is_left_over_is_removed_when_it_is_old_where_there_are_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for name in (f".old.h5.1{UNFINISHED}", f".new.h5.1{UNFINISHED}"):
        (tmp_path / name).write_bytes(b"part")
    for name in (f".old.zarr.1{UNFINISHED}", f".new.zarr.1{UNFINISHED}"):
        (tmp_path / name).mkdir()
    for path in tmp_path.glob(".old.*"):
        os.utime(path, (0, 0))
    remove_unfinished(tmp_path)
    remove_unfinished_folders(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f".new.h5.1{UNFINISHED}",
        f".new.zarr.1{UNFINISHED}",
    }


def test_a_ledger_on_a_file_system_without_locks_is_refused_with_that_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*about: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(LedgerError, match="has no locks") as caught:
        lock(tmp_path)
    assert type(caught.value) is LedgerError
