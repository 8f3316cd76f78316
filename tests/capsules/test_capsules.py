"""What is kept of a call that failed, and making it again."""

from __future__ import annotations

import errno
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.analysis import ReducerAnalysis, WorkerAnalysis, load_class
from beamloom.capsules import (
    Capsule,
    Given,
    NotACapsule,
    NotReproducible,
    Rerun,
    Shelf,
    find_capsule,
    keep_state,
    read_capsule,
    rerun,
    write_test,
)
from beamloom.capsules._capsule import decode_capsule
from beamloom.cli import main
from beamloom.engine.accounts.faults import Failure
from beamloom.engine.assembling.ready import Ready
from beamloom.errors import UsageError
from beamloom.events import Event, Packet, PacketKind
from beamloom.parameters import ParameterSet
from beamloom.recordings.format import TAG_RECORD, record_of
from beamloom.services.shell.evidence import Evidence
from beamloom.transport.codec import Encoder

HERE = Path(__file__).parent
MODULE = "analysis_for_capsules"
RUN = "3f2a91c0-0000"
PARAMETERS = ParameterSet({"fails_at": b"17"})


def ready(event: int = 17, size: int = 3) -> Ready:
    packet = Packet("TEST", [b"a" * size, memoryview(b"bc")], 18, PacketKind.DATA)
    return Ready(event, 0, 0, 2, {"camera": packet})


def of_class(name: str) -> WorkerAnalysis:
    analysis = WorkerAnalysis(load_class(f"{MODULE}:{name}", HERE))
    analysis.start(PARAMETERS, {})
    return analysis


def fail(analysis: WorkerAnalysis, folder: Path, one: Ready | None = None, **bounds: int) -> Failure:
    """Have the call fail, and keep it."""
    one = one or ready()
    evidence = Evidence(Shelf(folder, **bounds), "worker-1", ["generic"], str(HERE))
    evidence.begin_run(RUN)
    try:
        analysis.process_event(Event(one.event, one.streams), PARAMETERS, True)
    except ValueError as error:
        failure = Failure("Worker.process_event", "ValueError", str(error), "Traceback")
        return evidence.of_map(failure, one, PARAMETERS, True, analysis)
    pytest.fail("it did not fail")


def kept(failure: Failure, folder: Path) -> Capsule:
    path = find_capsule(folder, failure.capsule)
    assert path is not None
    return read_capsule(path)


def test_the_call_that_is_made_again_is_the_same_call(tmp_path: Path) -> None:
    analysis = of_class("Worker")
    analysis.process_event(Event(16, {}), PARAMETERS, False)
    failure = fail(analysis, tmp_path)
    capsule = kept(failure, tmp_path)
    with pytest.raises(ValueError, match="18 ") as raised:
        rerun(capsule)
    # frames, numbers, kind, tick and parameters are as they were; the state is that after the failed call, which it says
    assert str(raised.value).startswith(f"[b'aaa', b'bc'] 18 {PacketKind.DATA} True ")
    assert str(raised.value).endswith("[16, 17, 17]")
    assert any("as the failed call left it" in remark for remark in Rerun(capsule).remarks)
    with pytest.raises(ValueError, match=r"\[17\]$"):
        rerun(capsule, fresh=True)


def test_a_capsule_holds_its_packets_as_a_record_that_recordings_know(tmp_path: Path) -> None:
    import cbor2

    name = fail(of_class("Worker"), tmp_path).capsule
    fields = cbor2.loads((tmp_path / name).read_bytes())
    assert fields["record"].tag == TAG_RECORD
    record = record_of(fields["record"])
    assert record.event_number == 17
    assert record.streams["camera"].frames == [b"aaa", b"bc"]


def test_what_cannot_be_pickled_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    capsule = kept(fail(of_class("Locked"), tmp_path), tmp_path)
    assert list(capsule.state.missing) == ["lock"]
    again = Rerun(capsule)
    assert any(remark.startswith("lock is that of a new instance") for remark in again.remarks)
    with pytest.raises(ValueError, match=r"\[17, 17\]$"):
        again.call()


def test_a_result_that_cannot_travel_fails_again(tmp_path: Path) -> None:
    analysis = of_class("Returning")
    evidence = Evidence(Shelf(tmp_path), "worker-1", [], str(HERE))
    evidence.begin_run(RUN)
    failure = evidence.of_map(Failure("p", "UnencodableResult", "x"), ready(), PARAMETERS, False, analysis)
    with pytest.raises(Exception, match="which results do not carry"):
        rerun(kept(failure, tmp_path))


def test_a_reduce_is_made_again_with_its_result(tmp_path: Path) -> None:
    analysis = ReducerAnalysis(load_class(f"{MODULE}:Reducer", HERE))
    analysis.start(PARAMETERS, {})
    analysis.instance.total = 40
    evidence = Evidence(Shelf(tmp_path), "reducer", [], str(HERE))
    evidence.begin_run(RUN)
    encoded = Encoder().encode({"value": 2}).detached()
    given = Given(worker="worker-1", head=encoded.head, buffers=[bytes(one) for one in encoded.buffers])
    failure = evidence.of_reduce(
        Failure("Reducer.process_result", "KeyError", "x"), 17, 2, lambda: given, PARAMETERS, analysis
    )
    with pytest.raises(KeyError, match=r"worker-1 \{'value': 2\} 42"):
        rerun(kept(failure, tmp_path))


# ---- bounds --------------------------------------------------------------------------------------------------------------------


def test_of_each_kind_of_failure_in_a_run_so_many_are_kept_whoever_meets_it(tmp_path: Path) -> None:
    shelves = [Shelf(tmp_path, 3) for _ in range(2)]
    names = [
        shelf.put(run, kind, event, f"worker-{number}", lambda room: b"x")
        for run in ("r1", "r2")
        for kind in ("aaaa", "bbbb")
        for event in range(4)
        for number, shelf in enumerate(shelves)
    ]
    assert sum(map(bool, names)) == 2 * 2 * 3
    assert len(list(tmp_path.glob("*/*"))) == 12


@given(st.lists(st.integers(0, 60), max_size=12))
def test_the_bytes_of_one_kind_are_bounded_and_every_file_is_whole(
    tmp_path_factory: pytest.TempPathFactory, sizes: Sequence[int]
) -> None:
    folder = tmp_path_factory.mktemp("shelf")
    shelf = Shelf(folder, 100, 100)
    for event, size in enumerate(sizes):
        shelf.put("r", "aaaa", event, "w", lambda room, size=size: b"x" * size)  # type: ignore[misc]
    files = list(folder.glob("r/*")) + list(folder.glob("r/.*"))
    assert sum(path.stat().st_size for path in files) <= 100
    assert all(path.suffix == ".capsule" for path in files)


def test_a_state_that_is_too_large_is_left_out_and_the_rest_is_kept(tmp_path: Path) -> None:
    analysis = of_class("Worker")
    analysis.instance.image = bytes(1 << 20)
    capsule = kept(fail(analysis, tmp_path, most_bytes=1 << 18), tmp_path)
    assert list(capsule.state.missing) == ["image"]
    assert "capsule_bytes" in capsule.state.missing["image"]
    assert list(capsule.state.parts) == ["seen"]


def test_packets_that_are_too_large_leave_no_file_and_fail_nothing(tmp_path: Path) -> None:
    failure = fail(of_class("Worker"), tmp_path, ready(size=1 << 20), most_bytes=1 << 18)
    assert failure.capsule == ""
    assert not list(tmp_path.rglob("*capsule*"))


def test_a_folder_that_cannot_be_made_costs_the_capsule_and_not_the_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "capsules").write_text("a file")
    for _ in range(3):
        assert fail(of_class("Worker"), tmp_path / "capsules").capsule == ""
    assert "the run goes on" in caplog.text


def test_a_disk_that_takes_no_more_leaves_no_part_of_a_capsule(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        failure = fail(of_class("Worker"), tmp_path, ready(size=1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failure.capsule == ""
    assert "the run goes on" in caplog.text
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_capsules_are_kept_where_the_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    assert kept(fail(of_class("Worker"), tmp_path), tmp_path).event == 17


def test_text_that_is_no_unicode_is_kept_in_its_escaped_form(tmp_path: Path) -> None:
    analysis = of_class("Worker")
    setattr(analysis.instance, "file", NamesAFile())  # noqa: B010
    capsule = kept(fail(analysis, tmp_path), tmp_path)
    assert capsule.state.missing == {"file": "ValueError: no /data/\\udcfcber"}


class NamesAFile:
    """Cannot be pickled, as its file is away."""

    def __getstate__(self) -> object:
        raise ValueError(f"no {os.fsdecode(b'/data/' + bytes([0xFC]) + b'ber')}")


def test_those_of_the_latest_runs_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    for number in range(5):
        Shelf(tmp_path, most_runs=2).put(f"r{number}", "aaaa", 1, "w", lambda room: b"x")
        os.utime(tmp_path / f"r{number}", (number, number))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "r3", "r4"]


def test_no_capsules_are_kept_where_none_are_wanted(tmp_path: Path) -> None:
    assert fail(of_class("Worker"), tmp_path, most=0).capsule == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["../x.capsule", "a/../../x.capsule", "/etc/passwd", "a/b.txt", "a/.b.capsule.part", ""]
)
def test_a_name_leads_to_nothing_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.capsule").write_bytes(b"x")
    (tmp_path / "shelf" / "a").mkdir(parents=True)
    assert find_capsule(tmp_path / "shelf", name) is None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "x.capsule").symlink_to("/etc/hostname")
    assert find_capsule(tmp_path, "r/x.capsule") is None


# ---- suspects ------------------------------------------------------------------------------------------------------------------


def test_the_capsule_of_a_suspect_is_there_during_the_call_and_not_after_it(tmp_path: Path) -> None:
    evidence = Evidence(Shelf(tmp_path), "worker-1", [], str(HERE))
    evidence.begin_run(RUN)
    noted: list[str] = []
    for _ in range(5):
        with evidence.in_hand(ready(), PARAMETERS, False, of_class("Worker"), noted.append):
            capsule = read_capsule(tmp_path / noted[-1])
            assert capsule.died
            assert capsule.state.when == "before"
        assert noted[-1] == ""
        assert not list(tmp_path.rglob("*.capsule"))


# ---- files that are none -------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_bytes_that_are_no_capsule_are_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(NotACapsule, match=r"x\.capsule"):
        decode_capsule(content, "x.capsule")


def test_a_capsule_that_was_cut_is_refused_wherever_it_was(tmp_path: Path) -> None:
    content = (tmp_path / fail(of_class("Worker"), tmp_path).capsule).read_bytes()
    for length in range(0, len(content), 7):
        with pytest.raises(NotACapsule):
            decode_capsule(content[:length], "x.capsule")


def test_a_state_that_its_class_does_not_take_any_more_says_what_to_do(tmp_path: Path) -> None:
    capsule = kept(fail(of_class("Worker"), tmp_path), tmp_path)
    broken = msgspec.structs.replace(
        capsule, state=msgspec.structs.replace(capsule.state, whole=b"\x80\x05cno_such\nClass\n.")
    )
    with pytest.raises(NotReproducible, match="--fresh"):
        Rerun(broken)


def test_the_state_of_nothing_and_of_what_raises_is_named() -> None:
    class Angry:
        def __reduce__(self) -> Any:
            raise RuntimeError("no")

    assert keep_state(None, 100).missing
    assert "RuntimeError: no" in keep_state(Angry(), 100).missing.get("the instance", "RuntimeError: no")
    assert pickle.loads(keep_state([1, 2], 100).whole or b"") == [1, 2]


# ---- the command -----------------------------------------------------------------------------------------------------------------


def test_the_command_makes_the_call_again_and_prints_the_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / fail(of_class("Worker"), tmp_path).capsule
    assert main(["debug", str(path), "--no-pdb"]) == 1
    out, err = capsys.readouterr()
    assert f"  {MODULE}:Worker from {HERE}, parameters of epoch 2" in out
    assert "note: the instance is as the failed call left it" in out
    assert err.startswith("Traceback")
    assert "in process_event" in err
    assert "beamloom/capsules" not in err


def test_the_command_says_where_the_call_does_not_fail_any_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mended = tmp_path / "mended"
    mended.mkdir()
    (mended / f"{MODULE}.py").write_text("class Worker:\n    def process_event(self, event): return 42\n")
    path = tmp_path / fail(of_class("Worker"), tmp_path).capsule
    assert main(["debug", str(path), "--analysis", str(mended)]) == 0
    assert "it did not fail this time; it returned 42" in capsys.readouterr().out
    load_class(f"{MODULE}:Worker", HERE)


def test_the_command_refuses_what_is_no_capsule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.capsule").write_bytes(b"x")
    assert main(["debug", str(tmp_path / "x.capsule")]) == 2
    assert main(["debug", str(tmp_path / "y.capsule")]) == 2
    assert "/api/v1/errors names those of a run" in capsys.readouterr().err


def test_the_state_in_somebody_elses_file_is_not_read_unless_it_is_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / fail(of_class("Worker"), tmp_path).capsule
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid == 0:
        os.chown(path, 4711, -1)
    assert main(["debug", str(path), "--no-pdb"]) == 2
    assert "add --trust" in capsys.readouterr().err
    assert main(["debug", str(path), "--no-pdb", "--trust"]) == 1
    assert main(["debug", str(path), "--no-pdb", "--fresh"]) == 1


@pytest.mark.timeout(180)
def test_the_test_that_is_written_fails_until_the_class_is_mended(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    source = (HERE / f"{MODULE}.py").read_text()
    (project / f"{MODULE}.py").write_text(source)
    path = tmp_path / fail(of_class("Worker"), tmp_path).capsule
    test = write_test(read_capsule(path), path, project, folder=project)
    assert run_pytest(test).returncode == 1
    (project / f"{MODULE}.py").write_text(source.replace("raise ValueError", "print"))
    assert run_pytest(test).returncode == 0
    with pytest.raises(UsageError, match="is there already"):
        write_test(read_capsule(path), path, project)


def run_pytest(test: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(test)]
    return subprocess.run(words, cwd=test.parent, capture_output=True, text=True, check=False)
