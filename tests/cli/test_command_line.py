"""The frame of the command line: help, errors, exit statuses."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import pytest

from beamloom.cli import _commands, _service, logs, main
from beamloom.errors import UserError
from beamloom.settings import IngesterSettings, ReducerSettings, StreamSettings, WorkerSettings, all_settings
from support.ports import quiet_address

WRITTEN = [name for name in _commands.names() if importlib.util.find_spec(f"beamloom.cli.{name}")]
"""The commands whose file is there."""


def test_the_overview_lists_every_command_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in _commands.names():
        assert re.search(rf"^  {name} +\w.{{20}}", shown, re.MULTILINE), name
    assert max(map(len, shown.splitlines())) < 100
    assert main([]) == 0
    assert capsys.readouterr().out == shown


def test_the_overview_imports_nothing_that_is_slow() -> None:
    code = "import sys; from beamloom.cli import main; main(['--help']); print('|'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split("|")}
    assert not imported & {
        "numpy",
        "zmq",
        "msgspec",
        "yaml",
        "starlette",
        "uvicorn",
        "asyncio",
        "cbor2",
        "pydantic",
    }


def test_the_program_and_the_module_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "beamloom", "--version"], capture_output=True, text=True, check=True
    )
    assert main(["--version"]) == 0
    assert done.stdout == capsys.readouterr().out
    assert done.stdout.startswith("beamloom ")


@pytest.mark.parametrize("name", WRITTEN)
def test_every_command_explains_itself_with_an_example_that_its_parser_takes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = _commands.load(name)
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert (command.__doc__ or "").splitlines()[0] in shown
    for line in command.EXAMPLE.splitlines():
        assert line in shown
        program, called, *words = shlex.split(line.partition(">")[0])
        assert (program, called) == ("beamloom", name)
        _commands.parse(_commands.parser_of(name, command), words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ingster"], "there is no command 'ingster' (did you mean 'ingester'?)"),
        (["--hlep"], "there is no option '--hlep' here"),
        (
            ["worker", "--tgas", "x"],
            "unknown argument '--tgas' (did you mean '--tags'?); 'beamloom worker --help'",
        ),
        (
            ["worker", "--heartbeat-timeout", "soon"],
            "--heartbeat-timeout is 'soon', but it takes a number of seconds",
        ),
        (["worker", "--settings", "/nowhere.yaml"], "/nowhere.yaml cannot be read"),
        (["ingester", "--stream", "a", "stins"], "takes a name, a device and an address"),
        (
            ["ingester", "--stream", "a", "stinz", "tcp://x:1"],
            "there is no device called 'stinz' (did you mean 'stins'?)",
        ),
        (["ingester", "--stream", "a", "stins", "tcp://x:1", "receive_queue"], "is not KEY=VALUE"),
        (
            ["ingester", "--stream", "a", "stins", "tcp://x:1", "recieve_queue=3"],
            "did you mean 'receive_queue'?",
        ),
        (["up", "/nowhere.yaml"], "/nowhere.yaml cannot be read"),
        (["simulate"], "the following arguments are required: DEVICE"),
        (["map", "batched", "--streams", "a"], "--events is missing and --size is missing"),
        (["map", "uniform", "--streams", "a", "--events", "3", "--size", "2"], "--size means nothing to it"),
        (["map", "unifrom"], "did you mean 'uniform'?"),
        (["map", "uniform", "--streams", "a", "--events", "-3"], "must"),
    ],
)
def test_what_cannot_be_done_as_asked_is_answered_in_one_line_with_status_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""


class Failing(UserError):
    """A run that failed."""


def test_an_error_for_people_is_one_line_and_with_debug_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = types.ModuleType("failing", "Fails.")

    def run(_: object) -> int:
        raise Failing("the run failed; look at its errors")

    for name, value in {"EXAMPLE": "", "add_arguments": lambda _: None, "run": run}.items():
        setattr(command, name, value)
    monkeypatch.setitem(sys.modules, "beamloom.cli.schema", command)
    assert main(["schema"]) == 1
    assert capsys.readouterr().err == "beamloom schema: the run failed; look at its errors\n"
    for words in (["--debug", "schema"], ["schema", "--debug"]):
        with pytest.raises(Failing):
            main(words)


def test_output_that_nobody_reads_to_its_end_is_no_error() -> None:
    command = f"{shlex.quote(sys.executable)} -m beamloom schema | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_of_an_older_encoding_is_told_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "énergie → 7 keV.yaml"
    file.write_text(
        "streams: {camera: {device: generator, kind: images, shape: [4, 4], items: 3}}\n"
        "workers: {class: 'beamloom.apps.imaging:Worker'}\nreducer: {class: 'beamloom.apps.imaging:Reducer'}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "beamloom", "up", "--check", str(file)],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        encoding="latin-1",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "énergie \\u2192 7 keV.yaml is right" in done.stdout


@pytest.mark.parametrize("command", all_settings())
def test_a_service_command_has_a_flag_for_each_of_its_settings(command: str) -> None:
    parser = _commands.parser_of(command, _commands.load(command))
    flags = {flag for action in parser._actions for flag in action.option_strings}
    kind = all_settings()[command]
    assert {"--" + name.replace("_", "-") for name in kind.__struct_fields__} <= flags


def test_flags_become_settings() -> None:
    parser = _commands.parser_of("worker", _commands.load("worker"))
    words = ["-n", "w", "-c", "a:B", "--tags", "x,y", "--heartbeat-timeout=2"]
    settings = _service.settings_from(WorkerSettings, _commands.parse(parser, words))
    assert settings == WorkerSettings(name="w", worker_class="a:B", tags=("x", "y"), heartbeat_timeout=2.0)


@pytest.mark.parametrize(
    ("words", "allowed"), [(["--allow-pickle"], True), (["--no-allow-pickle"], False), ([], False)]
)
def test_yes_or_no_is_a_flag_and_its_opposite(words: list[str], allowed: bool) -> None:
    parser = _commands.parser_of("reducer", _commands.load("reducer"))
    assert _service.settings_from(ReducerSettings, _commands.parse(parser, words)).allow_pickle is allowed


def test_a_settings_file_stands_below_flags(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("log_level: ERROR\nhttp_port: 7000\n")
    parser = _commands.parser_of("reducer", _commands.load("reducer"))
    arguments = _commands.parse(parser, ["--settings", str(file), "-p", "7001"])
    settings = _service.settings_from(ReducerSettings, arguments)
    assert (settings.log_level, settings.http_port) == ("ERROR", 7001)


def test_streams_of_an_ingester_are_given_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[IngesterSettings] = []

    def serve(_: str, settings: IngesterSettings, __: object) -> int:
        served.append(settings)
        return 0

    monkeypatch.setattr(_service, "serve", serve)
    first = ["--stream", "a", "stins", "tcp://x:1", "receive_queue=5"]
    assert main(["ingester", *first, "-s", "b", "contrast", "tcp://x:2"]) == 0
    assert served[0].streams == {
        "a": StreamSettings(device="stins", options={"url": "tcp://x:1", "receive_queue": 5}),
        "b": StreamSettings(device="contrast", options={"url": "tcp://x:2"}),
    }
    assert served[0].name == "a_b-ingester"


def record(level: int, message: str, *, error: Exception | None = None) -> logging.LogRecord:
    """A log record as a service makes it."""
    trace = (type(error), error, None) if error else None
    return logging.LogRecord("beamloom.services", level, __file__, 1, message, None, trace)


def test_a_log_line_has_time_level_service_and_message() -> None:
    line = logs.LineFormatter("worker-1").format(record(logging.WARNING, "slow\nvery"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} WARNING worker-1  slow\n    very", line)


def test_under_a_supervisor_the_service_is_left_out_because_it_stands_in_front_already() -> None:
    line = logs.LineFormatter("").format(record(logging.ERROR, "no", error=ValueError("x")))
    assert re.fullmatch(r"[\d :.-]{23} ERROR   no\n    ValueError: x", line)


def test_a_pipeline_file_can_be_checked_without_starting_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.py").touch()
    file = tmp_path / "p.yaml"
    file.write_text(
        "streams: {s: {device: stins, url: 'tcp://x:1'}}\nworkers: {class: 'a:W'}\nreducer: {class: 'a:R'}\n"
    )
    assert main(["up", "--check", str(file)]) == 0
    assert "is right: 4 processes" in capsys.readouterr().out
    file.write_text("streems: {}\nworkers: {class: 'a:W'}\nreducer: {clas: 'a:R'}\n")
    assert main(["up", "--check", str(file)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:1: unknown key 'streems' (did you mean 'streams'?)",
        f"{file}:3: unknown key 'clas' (did you mean 'class'?)",
    ]


def test_a_shell_may_say_which_pipeline_is_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = quiet_address()
    monkeypatch.setenv("BEAMLOOM_URL", f"http://{address}")
    assert main(["status"]) == 1
    assert address in capsys.readouterr().err
