"""A Sardana: its Pool and its MacroServer as processes, with a motor, two counters and a door to type macros at."""

from __future__ import annotations

import json
import queue
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tango

import beamloom
from control_systems.tango_servers import answering, database, process
from live.pipelines import wait_until
from support.environments import python_with

POOL, MACROSERVER, DOOR = "pool/test/1", "macroserver/test/1", "door/test/1"
SERVERS = ((POOL, "Pool", "Pool/test"), (MACROSERVER, "MacroServer", "MacroServer/test"), (DOOR, "Door", "MacroServer/test"))  # fmt: skip

VERSION = "3.7.1"
ENDS = ("finish", "stop", "exception")


class Sardana:
    """Types macros at a door, as somebody in spock does."""

    def __init__(self, host: str, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        """The MacroServer."""
        self.host = host
        self.hooked = False
        """Whether its scans begin runs."""
        self.door = self._device(DOOR)
        self._how: str | None = None
        self._told: queue.Queue[Any] = queue.Queue()
        wait_until(self._listens, "the events of the door")

    def _listens(self) -> bool:
        """Tango tries no server again within a second, such as one that has been killed and is started anew."""
        try:
            self.door.subscribe_event("MacroStatus", tango.EventType.CHANGE_EVENT, self._told.put)
        except tango.DevFailed as failed:
            if any(error.reason == "API_CantConnectToDevice" for error in failed.args):
                return False
            raise
        return True

    def _device(self, name: str) -> tango.DeviceProxy:
        return answering(f"tango://{self.host}/{name}")

    def define(self) -> None:
        """A motor ``mot`` that is fast, counters ``camera`` and ``diode``, and a measurement group of both."""
        pool = self._device(POOL)
        for kind, library, controller, elements in (
            ("Motor", "DummyMotorController", "motors", ["mot", "mot2"]),
            ("CTExpChannel", "DummyCounterTimerController", "counters", ["camera", "diode"]),
            ("TriggerGate", "DummyTriggerGateController", "triggers", ["trigger"]),
        ):
            pool.CreateController([kind, library, library, controller])
            for axis, element in enumerate(elements, 1):
                pool.CreateElement([kind, controller, str(axis), element])
        self._device("counters").Synchronizer = "trigger"
        pool.CreateMeasurementGroup(["both", "camera", "diode"])
        motor = self._device("mot")
        motor.velocity, motor.acceleration, motor.deceleration = 1000.0, 0.01, 0.01
        self.wait_for_elements()
        self.type("senv", "ActiveMntGrp", "both")

    def wait_for_elements(self) -> None:
        """Return when macros may use what is defined."""
        elements = self._device(MACROSERVER)

        def known() -> bool:
            try:
                return b"both" in elements.Elements[1]
            except tango.DevFailed:
                return False  # it does not tell before it has begun

        wait_until(known, "the elements in the MacroServer")

    def type(self, *words: str) -> str:
        """Run a macro to its end; returns how that was: ``finish``, ``stop`` or ``exception``."""
        self.begin(*words)
        return self.ended()

    def begin(self, *words: str) -> None:
        """Run a macro; returns at once."""
        self._how = None
        self.door.RunMacro(list(words))

    def ended(self) -> str:
        """Wait for the end of the macro that was begun last."""
        how: str = wait_until(self._how_it_ended, "the end of the macro", self.said)
        return how

    def _how_it_ended(self) -> str | None:
        """None while it runs. What has become of a macro is told before its door may run the next one; those that it runs have no id."""
        while not self._told.empty():
            event = self._told.get()
            if not event.err and event.attr_value.value[1]:
                statuses = json.loads(event.attr_value.value[1])
                ends = [one["state"] for one in statuses if one["id"] is not None and one["state"] in ENDS]
                self._how = ends[-1] if ends else self._how
        return self._how if self.door.state().name != "RUNNING" else None

    def stop(self) -> None:
        """What Ctrl-C does in spock."""
        self.door.StopMacro()

    def said(self) -> str:
        """What the last macro said."""
        levels = ("Output", "Info", "Warning", "Error", "Critical")
        lines = [
            f"{level}: {line}" for level in levels for line in self.door.read_attribute(level).value or ()
        ]
        return "\n".join(lines)

    def position(self) -> float:
        """Of the motor."""
        return float(self._device("mot").position)


def sardana_python(repository: Path) -> Path:
    """The Python of an environment that has Sardana, and what Beamloom needs."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    pinned = ["--constraint", str(repository / "constraints.txt")]
    return python_with(repository, "sardana", VERSION, [*pinned, *project["dependencies"]])


@contextmanager
def pool(python: Path, port: int, folder: Path) -> Iterator[str]:
    """A Tango database at this port that knows all devices, and the Pool; gives the host of the database."""
    host = f"127.0.0.1:{port}"
    with database(port) as known:
        for name, kind, server in SERVERS:
            device = tango.DbDevInfo()
            device.name, device._class, device.server = name, kind, server
            known.add_device(device)
        known.put_device_property(
            MACROSERVER, {"PoolNames": [POOL], "EnvironmentDb": [str(folder / "environment")]}
        )
        with process(str(python.with_name("Pool")), "test", python=python, TANGO_HOST=host):
            answering(f"tango://{host}/{POOL}")
            yield host


@contextmanager
def macroserver(python: Path, host: str) -> Iterator[Sardana]:
    """The MacroServer, and its door."""
    checkout = str(Path(beamloom.__file__).parent.parent)
    program = str(python.with_name("MacroServer"))
    with process(program, "test", python=python, TANGO_HOST=host, PYTHONPATH=checkout) as running:
        yield Sardana(host, running)
