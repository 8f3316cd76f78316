"""The process of the service of the rules, as the one that starts it sees it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from beamloom.settings import ControllerSettings

logger = logging.getLogger(__name__)

IDLE = 300.0
"""Seconds without work and without a question, after which it ends."""
PARTING = 10.0
"""Seconds in which it has to end when it is told to."""
OURS_ALONE = ("BEAMLOOM_HTTP_", "BEAMLOOM_SETTINGS")
"""Variables that are about the controller: where and how it listens, and the file of its settings."""
TOKEN = "BEAMLOOM_HTTP_CONTROL_TOKEN"


class Announced(msgspec.Struct):
    """What it says first: where it listens, or why it does not."""

    url: str = ""
    error: str = ""


class Child:
    """Started when it is made. It ends with the thread that makes it, however that ends."""

    def __init__(self, settings: ControllerSettings, folder: Path, token: str) -> None:
        self._popen = subprocess.Popen(
            _words(settings, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**_environment(os.environ, token), **_store(settings)},
        )

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._popen.pid

    def announced(self) -> Announced:
        """What it says first; waits for that, or for its end."""
        line = self._popen.stdout.readline() if self._popen.stdout is not None else b""
        try:
            return msgspec.json.decode(line, type=Announced)
        except msgspec.DecodeError:
            status = self._popen.wait()
            return Announced(error=f"it ended before it listened, with the status {status}")

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        status = self._popen.wait()
        if self._popen.stdout is not None:
            self._popen.stdout.close()
        return status

    def end(self) -> None:
        """Ask it to end; it is killed if it does not."""
        self._popen.terminate()
        try:
            self._popen.wait(PARTING)
        except subprocess.TimeoutExpired:
            logger.warning("the service of the rules does not end within %g s, and is killed", PARTING)
            self._popen.kill()


def _words(settings: ControllerSettings, folder: Path) -> list[str]:
    below = list(settings.rules_below)
    if settings.record_prefix is not None:
        below.append(str(Path(settings.record_prefix).parent))
    flags = {
        "name": f"{settings.name}-rules",
        "log-level": settings.log_level,
        "http-host": "127.0.0.1",
        "http-port": "0",
        "rules-dir": str(folder),
        "rules-below": msgspec.json.encode(below).decode(),
        "rule-types": msgspec.json.encode(settings.rule_types).decode(),
        "rules-path": settings.rules_path,
        "rules-workers": str(settings.rules_workers),
        **({"rules-scheduler": settings.rules_scheduler} if settings.rules_scheduler else {}),
        "rules-idle": str(IDLE),
        "die-with-parent": str(os.getpid()),
    }
    words = [sys.executable, "-P", "-m", "beamloom", "rules", "serve", "--announced"]
    return [*words, *(word for flag, value in flags.items() for word in (f"--{flag}", value))]


def _store(settings: ControllerSettings) -> dict[str, str]:
    """Where it has its ledger; not on the command line, which everybody on the machine can read."""
    return {"BEAMLOOM_STORE": settings.store, "BEAMLOOM_PIPELINE": settings.pipeline}


def _environment(ours: Mapping[str, str], token: str) -> dict[str, str]:
    """What the child is told beside its flags: it listens to this process alone, whatever the controller does."""
    left = {name: value for name, value in ours.items() if not name.startswith(OURS_ALONE)}
    return {**left, TOKEN: token}
