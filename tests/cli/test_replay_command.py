"""``beamloom replay`` as people type it: what it prints, how it ends, what it waits for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from beamloom.cli import _commands
from beamloom.recordings import Record, RecordingReader, RecordingWriter
from support.patience import PATIENCE

ANALYSIS = """
import logging
from beamloom import IntParameter

logger = logging.getLogger(__name__)

class Worker:
    @staticmethod
    def describe_parameters():
        return [IntParameter(name="factor", default=1)]

    def process_event(self, event, parameters):
        logger.info("saw %d", event.event_number)
        return event.event_number * parameters["factor"].value

class Reducer:
    def __init__(self):
        self.publish = {"sum": 0}

    def process_result(self, result):
        self.publish["sum"] += result.payload

    def finish(self):
        print("sum", self.publish["sum"])
"""
LISTENING = """
import signal, sys
from beamloom.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""
"""The command where Ctrl-C is heard: whoever runs the tests in the background of a shell has it ignored."""
WORKS = ("-w", "analysis:Worker", "-r", "analysis:Reducer", "--nworkers", "1")


class Command:
    """A replay in a process of its own, in the folder of its analysis."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LISTENING, "replay", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "LOG_LEVEL": ""},
        )
        self.lines: list[str] = []

    def until(self, pattern: str) -> re.Match[str]:
        """Reads on to the line in which ``pattern`` is found."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found
        pytest.fail(f"no line with {pattern!r} in:\n" + "\n".join(self.lines))

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """Reads the rest; returns the exit status."""
        rest, _ = self.process.communicate(timeout=PATIENCE)
        self.lines += rest.splitlines()
        return self.process.returncode

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "analysis.py").write_text(ANALYSIS)
    return tmp_path


@pytest.fixture
def xrd(shared_data: Path) -> str:
    return str(shared_data / "captures" / "dump_xrd.cbors")


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "beamloom", "replay", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"LOG_LEVEL": ""},
        timeout=PATIENCE,
    )


def test_a_replay_in_which_all_goes_well_prints_its_counts_and_nothing_else(folder: Path, xrd: str) -> None:
    done = ran(folder, *WORKS, "-f", xrd)
    assert done.returncode == 0
    sum_, counts = done.stdout.splitlines()
    assert sum_ == f"sum {sum(range(11))}"
    assert re.fullmatch(r"11 events in \d+\.\d\d s: 11 reduced, 0 failed, 0 lost", counts)
    assert done.stderr == ""


def test_every_flag_is_in_the_documentation(repository: Path) -> None:
    page = (repository / "docs" / "how-to" / "replay.md").read_text()
    parser = _commands.parser_of("replay", _commands.load("replay"))
    options = [action.option_strings[0] for action in parser._actions]
    assert {option for option in options if f"`{option}" not in page} == {"-h"}


def test_files_may_be_named_one_by_one(folder: Path, shared_data: Path) -> None:
    files = [word for path in (shared_data / "recordings").glob("*.cbors") for word in ("-f", str(path))]
    assert "13 events" in ran(folder, *WORKS, *files).stdout


def test_what_fails_is_told_once_with_its_events_and_traceback_and_the_status_is_1(
    folder: Path, xrd: str
) -> None:
    text = ANALYSIS.replace(
        "        logger.info(",
        '        if event.event_number % 3 == 2:\n            raise ValueError("no peak")\n        logger.info(',
    )
    (folder / "analysis.py").write_text(text)
    done = ran(folder, *WORKS, "-f", xrd)
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == [
        "Worker.process_event failed at events 2, 5, 8 (3 in all):",
        "    Traceback (most recent call last):",
    ]
    *_, error, again, empty = done.stderr.removesuffix("\n").split("\n")
    assert (error, empty) == ("    ValueError: no peak", "")
    words = [sys.executable, "-m", "beamloom", *again.partition("beamloom ")[2].split()]
    made = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert made.returncode == 1
    assert made.stderr.endswith("ValueError: no peak\n")
    assert done.stderr.count("no peak") == 2
    assert "11 events in" in done.stdout
    assert "8 reduced, 3 failed, 0 lost" in done.stdout


def test_losses_and_recordings_that_break_off_are_told(folder: Path, xrd: str) -> None:
    (folder / "a.cbors.part").write_bytes(Path(xrd).read_bytes()[:-10])
    done = ran(folder, *WORKS, "-f", "a.cbors.part")
    assert done.returncode == 0
    assert re.fullmatch(
        r"note: a.cbors.part breaks off inside a record at byte \d+; the 10 whole records before it were read.\n",
        done.stderr,
    )
    run = "70b3ce40-6e3e-4931-8dbc-245334e26eae"
    with RecordingWriter(folder / f"b-{run}.cbors") as writer:
        for record in RecordingReader(xrd):
            if record.event_number not in (3, 4, 10):
                writer.write(Record(record.event_number, record.streams))
    cells = [[{"constraint": event}] for event in range(11)]
    (folder / f"mapping-{run}.json").write_text(
        str({"parts": {"main": {"xrd": cells}}, "sequence": ["main"]}).replace("'", '"')
    )
    done = ran(folder, *WORKS, "-f", f"b-{run}.cbors")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "lost: events 3-4 (2 in all): stream 'xrd' skipped frame numbers: a gap in what the device sent",
        "lost: event 10: the recording of stream 'xrd' ends before the trigger map does",
    ]
    assert "11 events" in done.stdout
    assert "8 reduced, 0 failed, 3 lost" in done.stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (
            ["-f", "none.cbors"],
            2,
            "beamloom replay: there is no recording none.cbors; check its name and its folder",
        ),
        ([], 2, "beamloom replay: there is nothing to replay: name recordings with -f, or a source with -s"),
        (["-f", "x", "--nworkers", "0"], 2, "beamloom replay: a replay needs workers and --nworkers is 0"),
        (["-f", "x", "--port", "http"], 2, "beamloom replay: argument --port: invalid int value: 'http'"),
        (["-w", "analysis:Wroker"], 2, "has no class 'Wroker' (did you mean 'Worker'?)"),
        (
            ["-w", "analyses:Worker"],
            2,
            "there is no module 'analyses' for 'analyses:Worker' (did you mean 'analysis'?)",
        ),
        (["-p", "none.json"], 1, "beamloom replay: there is no parameter file none.json"),
        (["-p", "wrong.json"], 1, "beamloom replay: wrong.json: parameter 'factor'"),
        (["-f", "old.pkls"], 2, "allow it with --allow-pickle"),
    ],
)
def test_what_cannot_be_done_as_asked_is_one_line(
    folder: Path, xrd: str, words: list[str], status: int, said: str
) -> None:
    (folder / "wrong.json").write_text('{"factor": "much"}')
    (folder / "old.pkls").write_bytes(b"\x80\x04N.")
    files = [] if "-f" in words or words == [] else ["-f", xrd]
    done = ran(folder, *WORKS, *files, *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_cannot_be_made_is_shown_with_its_traceback(folder: Path, xrd: str) -> None:
    (folder / "analysis.py").write_text(ANALYSIS.replace('self.publish = {"sum": 0}', "1 / 0"))
    done = ran(folder, *WORKS, "-f", xrd)
    assert done.returncode == 1
    first, second, *_ = done.stderr.splitlines()
    assert "Reducer.__init__ failed: ZeroDivisionError: division by zero" in first
    assert second == "Traceback (most recent call last):"
    assert "beamloom/" not in done.stderr


@pytest.mark.parametrize(("words", "count"), [([], 0), (["--log-level", "info"], 11)])
def test_the_log_of_the_analysis_is_shown_from_the_chosen_level_on(
    folder: Path, xrd: str, words: list[str], count: int
) -> None:
    done = ran(folder, *WORKS, "-f", xrd, *words)
    assert len(re.findall(r"^.* INFO +replay +saw \d+$", done.stderr, re.MULTILINE)) == count
    assert len(done.stderr.splitlines()) == count


@pytest.mark.parametrize(("fails", "status"), [(False, 0), (True, 1)])
def test_keep_alive_serves_until_ctrl_c(folder: Path, xrd: str, fails: bool, status: int) -> None:
    if fails:
        (folder / "analysis.py").write_text(ANALYSIS.replace('print("sum",', "raise OSError("))
    with Command(folder, *WORKS, "-f", xrd, "--port", "0", "--keep-alive") as command:
        url = command.until(r"results at (http://127.0.0.1:\d+)/api/v1/result/\$")[1]
        command.until("11 reduced")
        command.until("stays until Ctrl-C")
        answer = requests.get(f"{url}/api/v1/result/$.sum", params={"format": "json"}, timeout=PATIENCE)
        assert answer.json() == [55]
        requests.post(f"{url}/api/v1/parameter/factor", data=b"2", timeout=PATIENCE).raise_for_status()
        assert requests.get(f"{url}/api/v1/parameter/factor", timeout=PATIENCE).content == b"2"
        assert command.interrupt() == status
    assert "Traceback" not in command.lines[-1]


def test_keep_alive_without_a_port_waits_too(folder: Path, xrd: str) -> None:
    with Command(folder, *WORKS, "-f", xrd, "--keep-alive") as command:
        command.until("stays until Ctrl-C")
        assert command.interrupt() == 0


def test_ctrl_c_in_the_middle_ends_with_130(folder: Path, xrd: str) -> None:
    (folder / "analysis.py").write_text(
        ANALYSIS.replace(
            "        logger.info(",
            '        print("begins", flush=True)\n        __import__("threading").Event().wait()\n        logger.info(',
        )
    )
    with Command(folder, *WORKS, "-f", xrd) as command:
        command.until("begins")
        assert command.interrupt() == 130
    assert command.lines == ["begins"]


class TestWatch:
    @pytest.fixture
    def watching(self, folder: Path, xrd: str) -> Iterator[Command]:
        (folder / "mine.json").write_text('{"factor": 1}')
        words = (*WORKS, "-f", xrd, "-p", "mine.json", "--watch", "--port", "0")
        with Command(folder, *words) as command:
            yield command
            assert command.interrupt() == 0

    def test_runs_again_whenever_the_analysis_or_its_parameters_are_saved(
        self, folder: Path, watching: Command
    ) -> None:
        url = watching.until(r"results at (.*)/api")[1]
        watching.until("^sum 55$")
        watching.until("waits for a change; Ctrl-C ends")
        assert requests.get(f"{url}/api/v1/result/$.sum?format=json", timeout=PATIENCE).json() == [55]

        (folder / "analysis.py").write_text(ANALYSIS.replace("event.event_number *", "1000 *"))
        watching.until("^analysis.py changed$")
        assert watching.until(r"results at (.*)/api")[1] == url
        watching.until("^sum 11000$")
        watching.until("waits for a change")

        (folder / "mine.json").write_text('{"factor": 2}')
        watching.until("^mine.json changed$")
        watching.until("^sum 22000$")

        (folder / "helper.py").write_text("WEIGHT = 5\n")
        watching.until("^helper.py changed$")
        (folder / "analysis.py").write_text(
            "import helper\n" + ANALYSIS.replace("event.event_number *", "helper.WEIGHT *")
        )
        watching.until("^sum 110$")
        (folder / "helper.py").write_text("WEIGHT = 6\n")
        watching.until("^sum 132$")
        watching.until("waits for a change")

    def test_goes_on_when_a_mistake_is_mended(self, folder: Path, watching: Command) -> None:
        watching.until("^sum 55$")
        (folder / "analysis.py").write_text(ANALYSIS.replace("class Worker:", "class Worker"))
        watching.until("module 'analysis' cannot be imported: SyntaxError")
        watching.until("waits for a change")
        (folder / "mine.json").write_text('{"factor": "much"}')
        watching.until("^mine.json changed$")
        watching.until("SyntaxError")
        watching.until("waits for a change")
        (folder / "analysis.py").write_text(ANALYSIS)
        watching.until("mine.json: parameter 'factor'")
        watching.until("waits for a change")
        (folder / "mine.json").write_text('{"factor": 3}')
        watching.until("^sum 165$")
        watching.until("waits for a change")

    def test_a_change_ends_a_replay_that_is_under_way(self, folder: Path, xrd: str) -> None:
        waits = ANALYSIS.replace(
            "        logger.info(",
            '        import time\n        print("slow", flush=True)\n        time.sleep(0.2)\n        logger.info(',
        )
        (folder / "analysis.py").write_text(waits)
        with RecordingWriter(folder / "long.cbors") as writer:
            [record, *_] = RecordingReader(xrd)
            for event in range(5000):
                writer.write(Record(event, record.streams))
        with Command(folder, *WORKS, "-f", "long.cbors", "--watch") as command:
            command.until("slow")
            (folder / "analysis.py").write_text(ANALYSIS)
            command.until("^analysis.py changed$")
            command.until(f"^sum {sum(range(5000))}$")
            assert command.interrupt() == 0
        assert not [line for line in command.lines if "lost:" in line]


def test_watch_says_what_it_needs(folder: Path, xrd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from beamloom.cli._replay_watch import Watch
    from beamloom.errors import UserError

    monkeypatch.setitem(sys.modules, "watchfiles", None)

    def prepare() -> object:
        raise AssertionError

    with pytest.raises(
        UserError, match=r"--watch needs the package watchfiles; install it with: pip install"
    ):
        Watch(prepare, None, None).run()  # type: ignore[arg-type]
    assert not [thread for thread in threading.enumerate() if thread.name == "watch"]
