"""A pipeline as a site with several machines runs it: each process is started by its own command, on its own host, by environment alone.

Nobody starts a process again that has died, and nobody but the processes themselves knows where the others are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from live.pipelines import ANALYSES, wait_until
from support.hosts import Host, Hosts

END_SECONDS = 30
HTTP_PORT = 5001
MAILBOX_PORT = 5000
PROGRAMS = {
    "beamloom": (sys.executable, "-m", "beamloom"),
    "dranspose": (sys.executable, "-c", "import sys; from dranspose.cli import main; sys.exit(main())"),
}


class Site:
    """Hosts, and the processes on them; a context manager, after which all of these have ended."""

    def __init__(self, hosts: Hosts, folder: Path, common: Mapping[str, str]) -> None:
        """``common`` are variables that each process gets."""
        self._hosts = hosts
        self._folder = folder
        self._common = dict(common)
        self._running: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, process in self._running.values():
            process.terminate()
        for _, process in self._running.values():
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                _kill(process)
        self._stack.close()

    def start(self, host: str, command: str, name: str, **variables: str) -> None:
        """``beamloom <command>``, on this host, where it listens on the address that the others reach."""
        given = {**self._common, **_of(self._hosts[host]), **variables, "BEAMLOOM_NAME": name}
        self.start_bare(host, f"beamloom {command}", name, **given)

    def start_bare(self, host: str, command: str, name: str, **variables: str) -> None:
        """A command, with these variables alone; ``name`` is that of its log."""
        where = self._hosts[host]
        program, *words = command.split()
        environment = {**os.environ, "XDG_STATE_HOME": str(self._folder / host), **variables}
        said = self._stack.enter_context(self._log(name).open("wb"))
        process = subprocess.Popen(
            [*where.prefix, *PROGRAMS[program], *words],
            env=environment,
            stdout=said,
            stderr=said,
            cwd=ANALYSES,
            # With all that it starts in turn it can be killed at one stroke.
            start_new_session=True,
        )
        self._running[name] = (host, process)

    def said(self, name: str) -> str:
        """What a process has written so far."""
        return self._log(name).read_text()

    def wait_for(self, name: str, words: str) -> None:
        """Wait until a process has written this."""
        wait_until(lambda: words in self.said(name), f"{words!r} of {name}", self.told, 120)

    def told(self) -> str:
        """The last lines of all."""
        return "\n".join(
            f"{name}: {line}" for name in self._running for line in self.said(name).splitlines()[-12:]
        )

    def ended(self, name: str) -> int:
        """Wait until a process has ended by itself; returns its exit status."""
        return self._running.pop(name)[1].wait(END_SECONDS)

    def kill(self, name: str) -> None:
        """A process dies, and its connections are closed by the system."""
        _kill(self._running.pop(name)[1])

    def kill_host(self, host: str) -> None:
        """A machine loses its power: nobody hears of its processes again, not even that their connections are closed."""
        self._hosts[host].link(up=False)
        for name in [name for name, (where, _) in self._running.items() if where == host]:
            self.kill(name)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _of(host: Host) -> dict[str, str]:
    """What is different on each host."""
    return {
        "BEAMLOOM_BIND": host.address,
        "BEAMLOOM_HTTP_HOST": host.address,
        "BEAMLOOM_HTTP_PORT": str(HTTP_PORT),
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
