"""Several pipelines on one machine: what they share, what each has alone, and what a person sees of them."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest

from beamloom.access import AccessError
from beamloom.cli import _commands, _service, main
from beamloom.errors import UsageError
from beamloom.pipeline_file import Controller, DebugWorker, Pipeline, Reducer, WorkerGroup, host_and_port
from beamloom.placement import Layout, PlainScreen, ProcessStatus, State
from beamloom.placement.notices import Notice
from beamloom.placement.shared_screen import SharedScreen
from beamloom.placement.side_by_side import SideBySide, made_room
from beamloom.settings import FrontSettings, StreamSettings
from placement.test_screen import status
from support.ports import quiet_address

FRONT_AT = ("127.0.0.1", 5000)
A = Pipeline(
    name="a",
    streams={"camera": StreamSettings(device="stins", options={"url": "tcp://127.0.0.1:9999"})},
    workers=WorkerGroup(worker_class="w:W"),
    reducer=Reducer(reducer_class="r:R"),
    debugworker=DebugWorker(),
)
B = msgspec.structs.replace(A, name="b")


def flag(layout: Layout, process: str, name: str) -> str | None:
    """The value of a flag of one process."""
    (spec,) = (one for one in layout.processes if one.name == process)
    found = [word.partition("=")[2] for word in spec.argv if word.startswith(f"{name}=")]
    return found[0] if found else None


def both(*pipelines: Pipeline) -> SideBySide:
    return SideBySide(pipelines or (A, B), screen=PlainScreen(io.StringIO()))


def front_of(side_by_side: SideBySide) -> FrontSettings:
    """What the front makes of its command line."""
    (spec,) = side_by_side._front.layout.processes
    parser = _commands.parser_of("front", _commands.load("front"))
    return _service.settings_from(FrontSettings, parser.parse_args(spec.argv[5:]))


def test_the_later_one_of_two_that_want_a_port_gets_a_free_one() -> None:
    first, second = made_room([A, B], FRONT_AT)
    assert (first.reducer.http, second.reducer.http) == ("127.0.0.1:5001", "127.0.0.1:0")
    assert first.debugworker is not None
    assert second.debugworker is not None
    assert (first.debugworker.http, second.debugworker.http) == ("127.0.0.1:5002", "127.0.0.1:0")


def test_the_address_of_the_front_is_that_of_nobody_else() -> None:
    results = msgspec.structs.replace(A, reducer=Reducer(reducer_class="r:R", http="127.0.0.1:5000"))
    (only,) = made_room([results], FRONT_AT)
    assert only.reducer.http == "127.0.0.1:0"


def test_the_front_has_the_address_of_the_first_one_and_knows_all_controllers() -> None:
    address = quiet_address()
    first = msgspec.structs.replace(A, controller=Controller(http=address))
    side_by_side = both(first, B)
    assert side_by_side.url == f"http://{address}"
    assert side_by_side.url_of("b") == f"http://{address}/pipelines/b"
    front = front_of(side_by_side)
    assert (front.http_host, front.http_port) == host_and_port(address)
    assert not front.http_open
    assert front.pipeline_urls == {
        name: part.layout.controller_url for name, part in side_by_side.parts.items()
    }
    assert len({address, *front.pipeline_urls.values()}) == 3


def test_each_keeps_its_state_under_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEAMLOOM_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("BEAMLOOM_STORE", "redis://store.example:6379/0")
    named = msgspec.structs.replace(B, settings={"pipeline": "kept", "state_dir": "/kept"})
    side_by_side = both(A, named)
    told = {
        name: (flag(part.layout, "controller", "--pipeline"), flag(part.layout, "controller", "--state-dir"))
        for name, part in side_by_side.parts.items()
    }
    assert told == {"a": ("a", str(tmp_path / "a")), "b": ("kept", "/kept")}
    assert flag(side_by_side.parts["a"].layout, "worker-1", "--pipeline") == "a"


@pytest.mark.parametrize(
    ("pipelines", "sentence"),
    [
        ((A, A), "2 of these pipelines are called 'a'; give each file a 'name' of its own"),
        ((A, msgspec.structs.replace(B, name="two words")), "cannot be called 'two words'"),
        ((A, msgspec.structs.replace(B, name="..")), "cannot be called '..'"),
        ((A, msgspec.structs.replace(B, settings={"pipeline": "a"})), "keep their state as 'a'"),
    ],
)
def test_names_that_cannot_be_told_apart_or_asked_for_are_refused(
    pipelines: tuple[Pipeline, ...], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        both(*pipelines)


def test_other_machines_are_let_in_only_where_each_pipeline_asks_for_a_token_or_says_that_it_is_open() -> (
    None
):
    shown = msgspec.structs.replace(A, controller=Controller(http="0.0.0.0:0"), settings={"http_open": True})
    with pytest.raises(AccessError, match=r"pipeline 'b' has no tokens.*beamloom keys"):
        both(shown, B)
    side_by_side = both(shown, msgspec.structs.replace(B, settings={"http_open": True}))
    assert front_of(side_by_side).http_open
    # Behind the front they stay where nobody else reaches them.
    for part in side_by_side.parts.values():
        assert flag(part.layout, "controller", "--http-host") == "127.0.0.1"


def test_a_front_by_hand_that_others_reach_has_to_be_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["front", "--host", "0.0.0.0", "--port", "0", "--pipeline-urls", '{"a": "http://a:1"}']) == 2
    assert "--http-open if each of its pipelines asks for one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [
        ('{"two words": "http://a:1"}', "no name that can stand in an address"),
        ('{"a": "tcp://a:1"}', "give that of its controller, such as http://127.0.0.1:5010"),
        ("{}", "addresses of controllers by name"),
    ],
)
def test_a_front_is_told_what_is_wrong_with_its_pipelines(
    urls: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["front", "--pipeline-urls", urls]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--on", "dask"], ["--systemd", "units"]])
def test_what_takes_one_file_says_so(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", *flags, str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]) == 2
    assert f"{flags[0]} takes one pipeline file" in capsys.readouterr().err


def test_files_that_name_no_pipeline_are_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "streams: {s: {device: stins, url: 'tcp://127.0.0.1:1'}}\nworkers: {class: 'w:W'}\nreducer: {class: 'r:R'}\n"
    (tmp_path / "more").mkdir()
    files = [tmp_path / "saxs.yaml", tmp_path / "waxs.yaml", tmp_path / "more" / "saxs.yaml"]
    for file in files:
        file.write_text(text)
        (file.parent / "w.py").write_text("class W: ...")
        (file.parent / "r.py").write_text("class R: ...")
    assert main(["up", "--check", *map(str, files)]) == 2
    assert "2 of these pipelines are called 'saxs'" in capsys.readouterr().err


def test_processes_of_all_stand_on_one_screen_by_the_names_of_their_pipelines() -> None:
    shown: list[tuple[str, list[str], list[str]]] = []

    class Seen(PlainScreen):
        def show(self, title: str, statuses: object, notices: object = ()) -> None:
            assert isinstance(statuses, list)
            assert isinstance(notices, list)
            shown.append((title, [one.name for one in statuses], [one.text for one in notices]))

    stream = io.StringIO()
    shared = SharedScreen(Seen(stream))
    front, a, b = (shared.part(name) for name in ("", "a", "b"))
    for part, names in ((front, ["front"]), (a, ["worker-1"]), (b, ["worker-1"])):
        part.open(names)
    front.show("processes", [status("front")])
    b.show("b", [status("worker-1", State.RESTARTING)], [Notice("silent x", "trouble: x is silent")])
    a.show("a", [status("worker-1")])
    assert shown[-1] == ("a, b", ["front", "a/worker-1", "b/worker-1"], ["trouble: b: x is silent"])
    a.output("worker-1", "hello")
    b.say("worker-1 died")
    front.say("all is well")
    assert stream.getvalue().splitlines() == [
        "a/worker-1 | hello",
        "beamloom   | b: worker-1 died",
        "beamloom   | all is well",
    ]


def test_what_is_wrong_in_both_is_told_of_both() -> None:
    stream = io.StringIO()
    shared = SharedScreen(PlainScreen(stream))
    parts = [shared.part(name) for name in "ab"]
    nobody: list[ProcessStatus] = []
    for part in parts:
        part.show("", nobody, [Notice("disk", "warning: the disk is full")])
    parts[0].show("", nobody, [])
    assert [line.partition(" | ")[2] for line in stream.getvalue().splitlines()] == [
        "warning: a: the disk is full",
        "warning: b: the disk is full",
        "no more: a: the disk is full",
    ]
