"""Units of systemd that `beamloom up --systemd` writes: what they say, and that their commands are a pipeline."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

from beamloom import connect
from beamloom.errors import UsageError
from beamloom.pipeline_file import Pipeline, parse_pipeline
from beamloom.placement import ProcessSpec, layout_of
from beamloom.placement.systemd import write_units
from live.pipelines import ANALYSES, Bench
from live.series import pictures
from support.patience import PATIENCE, STARTING
from support.ports import quiet_address
from support.waiting import until

EVENTS = 200
ODD = "x 100% $HOME ${PATH} \\ \"quoted\" 'single' é"


def pipeline(url: str = "tcp://127.0.0.1:1", count: int = 2, name: str = "of one camera") -> Pipeline:
    text = f"""
name: {name!r}
streams:
  camera: {{device: stins, url: "{url}"}}
workers: {{class: "pictures:Worker", count: {count}}}
reducer: {{class: "pictures:Reducer", http: "{quiet_address()}"}}
controller: {{http: "{quiet_address()}", mailbox: "{quiet_address()}"}}
analysis: {ANALYSES}
settings: {{heartbeat_timeout: 15, arm_timeout: 60, straggler_timeout: 60}}
"""
    return parse_pipeline(text, folder=ANALYSES)


def entries(unit: Path, key: str) -> list[str]:
    """All values of one key, as systemd reads them: %% is %, and what else begins with % means something."""
    meant = {"%": "%", "S": "/var/lib"}
    lines = unit.read_text().splitlines()
    return [
        re.sub("%(.)", lambda found: meant[found[1]], line.partition("=")[2])
        for line in lines
        if line.startswith(f"{key}=")
    ]


def command(unit: Path) -> list[str]:
    (line,) = entries(unit, "ExecStart")
    # $$ is $, and what else begins with it is a variable, which is not set.
    variable = re.compile(r"\$(\$|\{\w+\}|\w+)")
    return [variable.sub(lambda found: "$" * (found[1] == "$"), word) for word in shlex.split(line)]


def test_a_unit_starts_what_up_starts_whatever_the_words_are(tmp_path: Path) -> None:
    layout = layout_of(pipeline())
    odd = ProcessSpec("odd", ("/bin/echo", ODD, "--die-with-parent=1"), {"ODD": ODD})
    layout = msgspec.structs.replace(layout, processes=(*layout.processes, odd))
    target, *services = write_units(layout, tmp_path / "new" / "units", tmp_path)
    assert target.name == "beamloom-of-one-camera.target"
    assert entries(target, "Wants") == [service.name for service in services]
    for service, spec in zip(services, layout.processes, strict=True):
        assert command(service) == [word for word in spec.argv if not word.startswith("--die-with-parent")]
        variables = [shlex.split(entry)[0] for entry in entries(service, "Environment")]
        assert {f"{name}={value}" for name, value in spec.env.items()} <= set(variables)


def test_a_worker_that_is_gone_from_the_file_is_gone_from_the_folder_and_nothing_else_is(
    tmp_path: Path,
) -> None:
    write_units(layout_of(pipeline(count=3)), tmp_path, tmp_path)
    (tmp_path / "beamloom-of-one-camera-mine.service").write_text("[Unit]\n")
    write_units(layout_of(pipeline(count=3, name="other")), tmp_path, tmp_path)
    write_units(layout_of(pipeline(count=1)), tmp_path, tmp_path)
    workers = sorted(path.name for path in tmp_path.glob("*worker*"))
    assert workers == ["beamloom-of-one-camera-worker-1.service"] + [
        f"beamloom-other-worker-{number}.service" for number in (1, 2, 3)
    ]
    assert (tmp_path / "beamloom-of-one-camera-mine.service").exists()


def test_what_somebody_else_has_written_stays_and_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "beamloom-of-one-camera.target").write_text("[Unit]\n")
    with pytest.raises(
        UsageError, match=r"was not written by beamloom .*; remove it, or name another folder"
    ):
        write_units(layout_of(pipeline()), tmp_path, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["beamloom-of-one-camera.target"]


def test_a_folder_that_is_none_and_a_user_that_is_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"units cannot be written into .*name a folder of your own"):
        write_units(layout_of(pipeline()), tmp_path / "file", tmp_path)
    with pytest.raises(UsageError, match=r"'a b' is no name of a user"):
        write_units(layout_of(pipeline()), tmp_path / "units", tmp_path, "a b")


@pytest.mark.parametrize("user", ["", "root"])
def test_systemd_takes_the_units(tmp_path: Path, user: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze; on Debian and Ubuntu it is in the package systemd")
    written = write_units(layout_of(pipeline()), tmp_path, tmp_path, user)
    words = ["systemd-analyze", "verify", *map(str, written)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")


@contextmanager
def started(units: list[Path], folder: Path) -> Iterator[dict[str, socket.socket]]:
    """The commands of units, each with what systemd would hear of it."""
    notified: dict[str, socket.socket] = {}
    with ExitStack() as stack:
        for number, unit in enumerate(units):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            listener.bind(str(folder / f"{number}.sock"))
            listener.settimeout(STARTING)
            given = dict(shlex.split(entry)[0].split("=", 1) for entry in entries(unit, "Environment"))
            given = {name: value.replace("/var/lib", str(folder)) for name, value in given.items()}
            own = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(folder)}
            with (folder / f"{unit.stem}.log").open("wb") as log:
                process = subprocess.Popen(
                    command(unit),
                    cwd=entries(unit, "WorkingDirectory")[0],
                    env={**own, "NOTIFY_SOCKET": str(folder / f"{number}.sock"), **given},
                    stdout=log,
                    stderr=log,
                )
            stack.callback(_end, process)
            notified[unit.stem] = listener
        yield notified


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(STARTING) == 0


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.timeout(600)
def test_a_run_passes_through_the_commands_of_units(tmp_path: Path) -> None:
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera:
        layout = layout_of(pipeline(camera.url("camera")))
        _, *units = write_units(layout, tmp_path / "units", tmp_path)
        with started(units, tmp_path) as notified:
            for name, listener in notified.items():
                while (heard := listener.recv(4096)) != b"READY=1\nSTATUS=takes part":
                    assert heard.startswith(b"READY=1\nSTATUS="), name
            assert layout.controller_url is not None
            with connect(layout.controller_url) as pipe:
                until(lambda: not pipe.problems(), "a run could be armed", STARTING)
                pipe.arm(["camera"], EVENTS)
                camera.play("camera", pictures(EVENTS))
                end = pipe.wait(timeout=STARTING)
                assert (end.reduced, end.failed, end.lost) == (EVENTS + 2, 0, 0)
            state = [path.name for path in (tmp_path / "beamloom-of-one-camera").iterdir()]
            assert state
