"""Follows a page to the letter, in an empty folder, as a newcomer would: writes its files, types its commands, looks at what they say.

A code block is one step, in the order of the page:

- with a title, a file of that name: ```` ```python title="worker.py" ````
- ``console``: each line after ``$`` is typed in the folder, and what it prints is compared with the lines below. ``…`` within a line stands
  for anything, a line of it alone for any lines. Its exit status has to be 0, unless the next line is ``$ echo $?``.
- ``console`` with a title is a terminal of its own: its one command goes on. Its lines have to come, in their order, others among them; a
  line ``^C`` presses that, lines after it have to come then. What is not ended so is ended behind the page.
- ``python`` without a title is run in one interpreter, block after block, as in a notebook.
- Blocks of other languages are for reading alone.

Ports of the page are replaced by free ones, everywhere, so that tests of several pages may run at once.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beamloom import Pipeline
from support.ports import quiet_port

FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}|(?<=--port )\d{4,5}")
COMMANDS_WITHIN = 300.0
"""Seconds for a command of the page, on a busy machine."""
ANY = "…"
INTERRUPT = "^C"
ASK_STATUS = "echo $?"


@dataclass(frozen=True)
class Step:
    """One code block."""

    language: str
    title: str
    text: str
    line: int
    """Where it begins on the page."""


def steps_of(page: str) -> list[Step]:
    """The code blocks of a page."""
    return [
        Step(found[1], found[2] or "", found[3], page.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(page)
    ]


def with_free_ports(page: str) -> str:
    """The page with each of its ports replaced by a free one, the same everywhere."""
    ports = {port: str(quiet_port()) for port in dict.fromkeys(PORT.findall(page))}
    return PORT.sub(lambda found: ports[found[0]], page)


def follow(page: Path, folder: Path) -> dict[str, Any]:
    """Do all that the page says in ``folder``; returns the names of its notebook. Raises AssertionError where it is not so."""
    written = page.read_text(encoding="utf-8")
    text = with_free_ports(written)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        **_default_pipeline(written, text),
    }
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.ExitStack() as terminals, contextlib.chdir(folder):
        terminals.callback(_close_pipelines, names)
        for step in steps_of(text):
            where = f"{page.name}, line {step.line}"
            if step.language == "console" and step.title:
                terminals.enter_context(_terminal(step, folder, environment, where))
            elif step.title:
                (folder / step.title).parent.mkdir(parents=True, exist_ok=True)
                (folder / step.title).write_text(step.text, encoding="utf-8")
            elif step.language == "console":
                _type(step, folder, environment, where)
            elif step.language == "python":
                exec(compile(step.text, where, "exec"), names)
    return names


def _close_pipelines(names: dict[str, Any]) -> None:
    """What ends with a notebook's process ends here by itself."""
    for one in names.values():
        if isinstance(one, Pipeline):
            one.close()


def _default_pipeline(written: str, text: str) -> dict[str, str]:
    """Commands that name no controller mean the one of the page, wherever it is now."""
    before, after = PORT.findall(written), PORT.findall(text)
    moved = dict(zip(before, after, strict=True))
    return {"BEAMLOOM_URL": f"http://127.0.0.1:{moved['5000']}"} if "5000" in moved else {}


def _type(step: Step, folder: Path, environment: dict[str, str], where: str) -> None:
    commands = commands_of(step.text)
    status = 0
    for number, (command, expected) in enumerate(commands):
        done = subprocess.run(
            ["bash", "-c", f"(exit {status})\n{command}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMANDS_WITHIN,
        )
        status = done.returncode
        may_fail = commands[number + 1 : number + 2] == [(ASK_STATUS, [str(status)])]
        if status and not may_fail:
            raise AssertionError(f"{where}: $ {command}\nexit status {status}, printed:\n{done.stdout}")
        assert alike(expected, done.stdout.splitlines()), (
            f"{where}: $ {command}\nexpected:\n" + "\n".join(expected) + f"\nprinted:\n{done.stdout}"
        )


def commands_of(text: str) -> list[tuple[str, list[str]]]:
    """Each command, continued over lines that end with a backslash, and the lines that it is to print."""
    found: list[tuple[str, list[str]]] = []
    continued = False
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif continued:
            found[-1] = (f"{found[-1][0]}\n{line}", found[-1][1])
        else:
            found[-1][1].append(line)
        continued = (line.startswith("$ ") or continued) and line.endswith("\\")
    return found


def alike(expected: list[str], printed: list[str]) -> bool:
    """Whether the lines are those of the page; spaces at their ends do not count."""
    lines = [r"(?:.*\n)*" if line.strip() == ANY else f"{pattern(line)}[ ]*\n" for line in expected]
    return re.fullmatch("".join(lines), "".join(f"{line}\n" for line in printed)) is not None


def pattern(line: str) -> str:
    """A regular expression for a line of the page."""
    return ".*".join(map(re.escape, line.rstrip().split(ANY)))


@contextlib.contextmanager
def _terminal(step: Step, folder: Path, environment: dict[str, str], where: str) -> Iterator[None]:
    """A command that goes on; what it prints is in a file, so that it never waits for a reader."""
    [(command, expected)] = commands_of(step.text)
    output = folder / f".terminal-{step.line}"
    with output.open("wb") as written:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        at = 0
        for line in expected:
            if line == INTERRUPT:
                process.send_signal(signal.SIGINT)
            else:
                at = _wait_for(line, at, output, process, f"{where}: $ {command}")
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(COMMANDS_WITHIN)
        process.kill()
        process.wait()


def _wait_for(line: str, at: int, output: Path, process: subprocess.Popen[bytes], what: str) -> int:
    """Until the line has come behind the place ``at`` of the output; the place behind it."""
    wanted = re.compile(f"^{pattern(line)}[ ]*$", re.MULTILINE)
    until = time.monotonic() + COMMANDS_WITHIN
    while True:
        over = process.poll() is not None
        printed = output.read_text(encoding="utf-8", errors="replace")
        if found := wanted.search(printed, at):
            return found.end()
        if over or time.monotonic() > until:
            raise AssertionError(f"{what}\ndoes not say: {line}\nprinted:\n{printed}")
        time.sleep(0.05)
