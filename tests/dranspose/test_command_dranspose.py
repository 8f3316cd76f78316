"""The ``dranspose`` command takes the flags that existing deployments use."""

from __future__ import annotations

import gzip
import logging
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beamloom.cli import _commands, _service
from beamloom.devices.ingester_classes import DEVICES
from beamloom.settings import (
    ControllerSettings,
    IngesterSettings,
    ProcessSettings,
    ReducerSettings,
    StreamSettings,
    WorkerSettings,
)
from dranspose.cli import HELP, main


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The services that would have been started, with their settings."""
    started: list[tuple[str, Any]] = []

    def serve(service: str, settings: ProcessSettings, _: object) -> int:
        started.append((service, settings))
        return 0

    monkeypatch.setattr(_service, "serve", serve)
    return started


@pytest.mark.parametrize(("ingester_class", "device"), DEVICES.items())
def test_an_ingester_is_named_by_its_class(
    served: list[tuple[str, Any]], ingester_class: str, device: str
) -> None:
    assert main(["ingester", "-c", ingester_class, "-u", "tcp://detector:9999", "-n", "eiger"]) == 0
    [(service, settings)] = served
    assert service == "ingester.process"
    assert isinstance(settings, IngesterSettings)
    assert settings.name == "eiger-ingester"
    assert settings.streams == {
        "eiger": StreamSettings(device=device, options={"url": "tcp://detector:9999"})
    }


def test_an_ingester_over_http_receives_from_sardana(served: list[tuple[str, Any]]) -> None:
    line = "http_ingester -c dranspose.ingesters.http_sardana:app --host 0.0.0.0 -p 5003 -n sardana"
    assert main(line.split()) == 0
    [(service, settings)] = served
    assert service == "ingester.process"
    assert settings.streams == {
        "sardana": StreamSettings(device="sardana", options={"url": "http://0.0.0.0:5003"})
    }


def test_further_flags_of_an_ingester_are_beamlooms(served: list[tuple[str, Any]]) -> None:
    line = "ingester --ingesterclass ZmqPullSingleIngester --upstream_url tcp://x:1 --name a --controller tcp://c:5"
    assert main(line.split()) == 0
    assert served[0][1].controller == "tcp://c:5"


@pytest.mark.parametrize(
    ("line", "service", "kind", "expected"),
    [
        ("controller", "controller.process", ControllerSettings, {}),
        (
            "worker -n w1 -c my.worker:W",
            "worker.process",
            WorkerSettings,
            {"name": "w1", "worker_class": "my.worker:W"},
        ),
        (
            "reducer -c my.reducer:R -p 5010",
            "reducer.process",
            ReducerSettings,
            {"reducer_class": "my.reducer:R", "http_port": 5010},
        ),
    ],
)
def test_the_other_services_have_their_flags(
    served: list[tuple[str, Any]], line: str, service: str, kind: type, expected: dict[str, Any]
) -> None:
    assert main(line.split()) == 0
    [(started, settings)] = served
    assert started == service
    assert isinstance(settings, kind)
    assert {name: getattr(settings, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "ingester -c ZmqPulSingleIngester -u tcp://x:1 -n a",
            "(did you mean 'ZmqPullSingleIngester'?); there are",
        ),
        (
            "ingester -c ZmqSubUnheardOfIngester -u tcp://x:1 -n a",
            "there is no ingester class 'ZmqSubUnheardOfIngester'",
        ),
        ("combined", "'beamloom up pipeline.yaml' starts a whole pipeline"),
        ("replya", "no command 'replya'; there are controller, worker"),
        ("replay -w a:W", "the following arguments are required: -r/--reducerclass"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown.splitlines()) == 1


def test_what_an_ingester_lacks_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["ingester", "-c", "ZmqPullSingleIngester"])
    assert leaving.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "dranspose ingester: the following arguments are required: -u/--upstream_url, -n/--name; "
        "'dranspose ingester --help' shows what it takes"
    ]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_without_a_command_there_is_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == HELP + "\n"


def test_who_names_a_pickled_recording_has_it_read(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def beamloom(argv: list[str]) -> int:
        called.append(argv)
        return 0

    monkeypatch.setattr("dranspose.cli.beamloom", beamloom)
    assert main(["replay", "-w", "a:W", "-r", "a:R", "-f", "old.pkls"]) == 0
    parser = _commands.parser_of("replay", _commands.load("replay"))
    arguments = _commands.parse(parser, called[0][1:])
    assert (arguments.files, arguments.allow_pickle) == (["old.pkls"], True)


@pytest.fixture
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a command changes in its process is put back: imports, logging, the working directory."""
    root = logging.getLogger()
    level, handlers, modules = root.level, list(root.handlers), set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    logging.captureWarnings(False)
    root.setLevel(level)
    root.handlers[:] = handlers
    for name in set(sys.modules) - modules:
        if name == "own_analysis":
            del sys.modules[name]


OWN = """
class Worker:
    def process_event(self, event):
        return event.event_number

class Reducer:
    def __init__(self):
        self.publish = {}
    def process_result(self, result):
        print("result", result.payload)
"""


@pytest.mark.usefixtures("own_surroundings")
def test_replay_reads_what_it_always_read(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own_analysis.py").write_text(OWN)
    xrd = shared_data / "captures" / "dump_xrd.cbors"
    # The charts of old deployments give CBOR this name.
    (tmp_path / "dump.pkls.gz").write_bytes(gzip.compress(xrd.read_bytes()))
    (tmp_path / "parameters.pickle").write_bytes(pickle.dumps([{"name": "a", "data": "b"}]))
    line = "replay -w own_analysis:Worker -r own_analysis:Reducer -f dump.pkls.gz -p parameters.pickle --nworkers 1"
    assert main(line.split()) == 0
    assert capsys.readouterr().out.splitlines()[:11] == [f"result {event}" for event in range(11)]
