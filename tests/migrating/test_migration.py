"""A repository of an analysis of dranspose is read, run, and shown a shorter form that gives the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import h5py
import msgspec
import pytest

from beamloom.cli import main
from beamloom.errors import UsageError
from beamloom.migrating import Migration, Wish, apply, migrate
from migrating.repositories import FRAMES, REDUCER, VALUES, WORKER, recording, repository

TOTAL = 16 * sum(range(1, FRAMES + 1)) * 3
"""Of all pixels, by the factor that the test of the repository asks for."""
pytestmark = pytest.mark.timeout(300)


def published(path: Path, total: int) -> None:
    with h5py.File(path, "w") as file:
        file["total"] = total
        file["sums"] = [16 * 3 * (n + 1) for n in range(FRAMES)]


def sentences(found: Migration, level: str) -> str:
    return "\n".join(f"{one.place} {one.sentence}" for one in found.remarks if one.level == level)


def test_a_repository_is_run_and_shortened_and_gives_the_same(tmp_path: Path) -> None:
    folder = repository(tmp_path / "spots", **{"deploy/values.yaml": VALUES})
    published(folder / "data" / "spots.h5", TOTAL)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    found = migrate(Wish(path=str(folder), result_types=True))

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert found.workers == ("src.worker:SpotWorker",)
    assert found.reducers == ("src.reducer:SpotReducer",)
    [replay] = found.replays
    assert replay.asked.told_by == "tests/test_replay.py:10"
    assert (replay.asked.files, replay.asked.parameters) == (("data/spots.cbors",), "factor.json")
    assert (replay.events, replay.failed, replay.lost) == (FRAMES + 2, 0, 0)
    assert replay.failures == ()
    assert replay.differences == ()
    assert replay.asked.expected == "data/spots.h5"
    assert not found.problems
    assert not found.dropped
    assert "src/worker.py:17 print in a hook" in sentences(found, "attention")
    assert "deploy/values.yaml:7 " not in sentences(found, "attention")
    assert "'mine:OwnIngester' of the stream 'own'" in sentences(found, "attention")
    assert "'src.worker:SpotWorker' is meant" in sentences(found, "attention")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "apply"], input=found.patch.encode(), check=True)
    worker, reducer = ((folder / "src" / name).read_text() for name in ("worker.py", "reducer.py"))
    assert worker.startswith(
        "from beamloom import Event, IntParameter\nfrom dranspose.middlewares import stream1\n"
    )
    assert "def process_event(self, event: Event, parameters=None):" in worker
    assert '"sum": total}  # one number for each frame' in worker
    assert "def __init__(self):" in reducer
    assert "def process_result(self, result: Result):" in reducer
    assert 'self.publish["total"].add(result.event_number, result.payload["sum"])' in reducer
    assert (folder / "pipeline.yaml").read_text() == found.pipeline
    assert "  contrast: {device: contrast, url: 'tcp://scan:5556'}" in found.pipeline
    assert "workers: {class: 'src.worker:SpotWorker', count: 4}" in found.pipeline


@pytest.mark.long
def test_the_command_tells_and_applies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = repository(tmp_path / "spots")
    assert main(["migrate", str(folder), "--patch", str(tmp_path / "p"), "--json", str(tmp_path / "j")]) == 0
    printed = capsys.readouterr().out
    assert f"{FRAMES + 2} events in" in printed
    assert printed.endswith("all that was tried works\n")
    assert "src/reducer.py:5: SpotReducer.__init__ takes what it uses" in printed
    told = msgspec.json.decode((tmp_path / "j").read_bytes())
    assert told["works"] is True
    assert told["patch"] == (tmp_path / "p").read_text()
    assert (folder / "src" / "reducer.py").read_text() == REDUCER
    assert main(["migrate", str(folder), "--apply"]) == 0
    assert "written: src/reducer.py, src/worker.py" in capsys.readouterr().out
    assert "dranspose.event" not in (folder / "src" / "reducer.py").read_text()
    assert main(["migrate", str(folder), "--apply"]) == 0
    assert "there was nothing to write" in capsys.readouterr().out


@pytest.mark.long
def test_results_that_differ_from_those_beside_are_a_problem(tmp_path: Path) -> None:
    folder = repository(tmp_path / "spots")
    published(folder / "data" / "spots.h5", TOTAL + 1)
    found = migrate(Wish(path=str(folder)))
    [problem] = found.problems
    assert f"differs from what data/spots.h5 has: $.total is {TOTAL + 1}, and {TOTAL}" in problem.sentence


@pytest.mark.long
@pytest.mark.parametrize(
    ("worker", "said"),
    [
        (WORKER.replace("import EventData", "import EventDatum"), "SpotWorker cannot be imported"),
        (WORKER.replace('print("frame"', 'missing("frame"'), "failed at 4 events: NameError"),
        (
            WORKER.replace("    def __init__", "    while True:\n        pass\n\n    def __init__"),
            "within 5 s",
        ),
        ("import os\nos._exit(3)\n" + WORKER, "ended its process with status 3"),
        ("def\n" + WORKER, "is no Python"),
    ],
)
def test_what_does_not_work_is_a_problem_in_a_sentence(tmp_path: Path, worker: str, said: str) -> None:
    folder = repository(tmp_path / "spots", **{"src/worker.py": worker})
    found = migrate(Wish(path=str(folder), seconds=5 if "within" in said else 120))
    assert said in sentences(found, "problem")


@pytest.mark.long
def test_a_shorter_form_that_gives_something_else_is_not_in_the_patch(tmp_path: Path) -> None:
    # Whoever looks at the signature finds another one.
    worker = WORKER.replace('print("frame", packet.frame)', "import inspect").replace(
        '"sum": total', '"sum": len(inspect.signature(self.process_event).parameters)'
    )
    folder = repository(tmp_path / "spots", **{"src/worker.py": worker})
    found = migrate(Wish(path=str(folder)))
    assert [one.sentence.partition(" ")[0] for one in found.dropped] == ["SpotWorker.process_event"]
    assert "SpotWorker.__init__" in " ".join(one.sentence for one in found.changes)
    assert apply(found) == ["src/reducer.py", "src/worker.py"]
    again = migrate(Wish(path=str(folder)))
    assert not again.problems
    assert not again.changes


@pytest.mark.long
def test_without_a_description_recordings_are_put_together_by_their_streams(tmp_path: Path) -> None:
    folder = repository(tmp_path / "spots", **{"tests/test_replay.py": ""})
    recording(folder / "data" / "more.cbors", frames=2)
    (folder / "data" / "capture.cbors").write_bytes(b"no record at all")
    found = migrate(Wish(path=str(folder)))
    assert sorted((one.asked.files, one.events) for one in found.replays) == [
        (("data/more.cbors",), 4),
        (("data/spots.cbors",), FRAMES + 2),
    ]
    assert {one.asked.parameters for one in found.replays} == {None}
    assert "data/capture.cbors holds no records" in sentences(found, "attention")


def test_wrong_inputs_are_answered_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no folder .*; name the folder of an analysis"):
        migrate(Wish(path=str(tmp_path / "none")))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file; name the folder"):
        migrate(Wish(path=str(tmp_path / "file")))
    with pytest.raises(UsageError, match=r"no class with process_event or process_result, no monitor\.yaml"):
        migrate(Wish(path=str(tmp_path)))
    with pytest.raises(UsageError, match="--seconds is 0; give the replays some time"):
        migrate(Wish(path=str(tmp_path), seconds=0))
    with pytest.raises(UsageError, match=r"there is no worker 'a:B' in .*; those that can be imported: none"):
        migrate(Wish(path=str(tmp_path), worker="a:B"))
    with pytest.raises(UsageError, match=r"there is no file x\.cbors in .*; names are relative"):
        migrate(Wish(path=str(tmp_path), files=("x.cbors",)))
