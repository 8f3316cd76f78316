"""Macros of Sardana that begin runs of a pipeline, end them, read results, and scan as the analysis decides.

``defgh beamloom_arm pre-scan`` and ``defgh beamloom_end post-scan`` give each scan a run of its own. Settings are variables of the
environment, also of one macro alone (``senv ascan.BeamloomBurst 5``): ``BeamloomUrl``, the address of the controller; ``BeamloomStreams``,
streams that are not named as channels; ``BeamloomBurst``, frames at each point; ``BeamloomOptional``, whether a scan goes on without the
pipeline.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from sardana.macroserver.macro import ExecMacroHook, Hookable, Macro, Type
from sardana.macroserver.msexception import UnknownEnv
from sardana.macroserver.scan.gscan import CTScan, MoveableDesc, ScanEndStatus, SScan

from beamloom.client import Pipeline, connect
from beamloom.control.scanning.arming import TIMEOUT, KnownStreams, end_run, map_of_scan, streams_of_scan
from beamloom.control.scanning.deciding import Decider
from beamloom.errors import UserError
from beamloom.triggermap import TriggerMap

DEFAULT_URL = "http://127.0.0.1:5000"


def _setting(macro: Any, name: str, *, default: Any) -> Any:
    """A variable of the environment."""
    try:
        return macro.getEnv(name)
    except UnknownEnv:
        return default


def _pipeline(macro: Any) -> Pipeline:
    return connect(_setting(macro, "BeamloomUrl", default=DEFAULT_URL), timeout=TIMEOUT)


def _frames(macro: Any) -> int:
    return int(_setting(macro, "BeamloomBurst", default=1))


class beamloom_arm(Macro):  # noqa: N801  macros are named as they are typed
    """Begin a run of the pipeline for the scan whose hook this is: defgh beamloom_arm pre-scan.

    The scan begins when the devices may send. Where no run can be begun, it does not: senv BeamloomOptional True lets it go on.
    """

    def run(self) -> None:
        """Arm."""
        scan = self.getParentMacro()
        if not hasattr(scan, "gscan"):
            raise UserError("beamloom_arm is a hook of scans; type: defgh beamloom_arm pre-scan")
        if getattr(scan, "beamloom_run", None) is not None:
            return
        try:
            with _pipeline(self) as pipeline:
                known = KnownStreams.of(pipeline, "sardana")
                scan.beamloom_run = pipeline.arm(self._trigger_map(scan, known))
        except UserError as error:
            if not _setting(self, "BeamloomOptional", default=False):
                raise
            self.warning("this scan is not analysed: %s", error)
        else:
            self.info("run %s is armed", scan.beamloom_run)

    def _trigger_map(self, scan: Any, known: KnownStreams) -> TriggerMap:
        channels = [channel.name for channel in scan.gscan.measurement_group.getChannelsEnabledInfo()]
        more = _setting(self, "BeamloomStreams", default=[])
        more = [more] if isinstance(more, str) else more
        streams = streams_of_scan(channels, more, known, "senv BeamloomStreams \"['eiger']\"")
        return map_of_scan(streams, known.records, self._points(scan), _frames(self))

    def _points(self, scan: Any) -> int | None:
        """None where the scan itself does not know."""
        points = getattr(scan, "nb_points", None)
        if points is None or _setting(self, "GeneralCondition", default=None) is not None:
            return None
        lines = len(scan.waypoints) if isinstance(scan.gscan, CTScan) else 1
        return int(points) * lines


class beamloom_end(Macro):  # noqa: N801
    """End the run of a scan that was stopped, or whose number of points nobody knew: defgh beamloom_end post-scan."""

    def run(self) -> None:
        """Stop the run where that is needed."""
        scan = self.getParentMacro()
        armed = getattr(scan, "beamloom_run", None)
        if armed is None:
            return
        try:
            with _pipeline(self) as pipeline:
                data = scan.gscan.data
                through = data.getEnvironValue("endstatus") == ScanEndStatus.Normal
                if end_run(pipeline, armed, len(data.records) * _frames(self), through=through):
                    self.info("run %s is told to stop", armed)
        except UserError as error:
            self.warning("the run of this scan could not be ended: %s", error)


class beamloom_result(Macro):  # noqa: N801
    """Print part of what the analysis publishes, and return it, as in: beamloom_result $.hit_rate ."""

    param_def: ClassVar = [["path", Type.String, None, "a JSONPath, or a path like map/value"]]
    result_def: ClassVar = [["value", Type.String, None, "what is there, as JSON"]]

    def run(self, path: str) -> str:
        """Read it."""
        with _pipeline(self) as pipeline:
            found = pipeline.result.select(path) if path.startswith("$") else [pipeline.result[path][...]]
        text = json.dumps(found[0] if len(found) == 1 else found, default=lambda value: value.tolist())
        self.output("%s", text)
        return text


class beamloom_ascan(Macro, Hookable):  # noqa: N801
    """An ascan that the analysis ends and steers.

    Before each point it is looked what the analysis has said by then: feedback "stop" ends the scan, "next_position" and "repeat" say where
    the next point is; it takes no more than was asked for. With ``found`` the scan is over as soon as the result at that path is a number.
    In the end the motor moves to where the analysis says, for which it is waited after the last point. It begins a run by itself.
    """

    hints: ClassVar = {
        "scan": "beamloom_ascan",
        "allowsHooks": (
            "pre-scan",
            "pre-move",
            "post-move",
            "pre-acq",
            "post-acq",
            "post-step",
            "post-scan",
        ),
    }
    env = ("ActiveMntGrp",)
    param_def: ClassVar = [
        ["motor", Type.Moveable, None, "Motor to move"],
        ["start_pos", Type.Float, None, "Position of the first point"],
        ["final_pos", Type.Float, None, "Position of the last point"],
        ["nr_interv", Type.Integer, None, "Number of scan intervals"],
        ["integ_time", Type.Float, None, "Integration time"],
        ["found", Type.String, "none", "Path of a result that is a number once the position is found"],
        ["wait_time", Type.Float, 10.0, "Longest wait for the analysis after the last point (s)"],
    ]

    def prepare(
        self,
        motor: Any,
        start_pos: float,
        final_pos: float,
        nr_interv: int,
        integ_time: float,
        found: str,
        wait_time: float,
        **opts: Any,
    ) -> None:
        """Prepare the scan, as every scan of Sardana does."""
        self._motor = motor
        self._positions = np.linspace(start_pos, final_pos, nr_interv + 1)
        self._seconds = integ_time
        self._found = None if found == "none" else found
        self._wait_time = wait_time
        self._decider: Decider | None = None
        self.motors = [motor]
        self.name = "beamloom_ascan"
        self.appendHook((ExecMacroHook(self, ["beamloom_arm"]), ["pre-scan"]))
        self.appendHook((ExecMacroHook(self, ["beamloom_end"]), ["post-scan"]))
        moveable = MoveableDesc(
            moveable=motor,
            is_reference=True,
            min_value=min(start_pos, final_pos),
            max_value=max(start_pos, final_pos),
        )
        self._gscan = SScan(self, self._steps, [moveable], opts.get("env", {}))
        self.setData(self._gscan.data)

    @property
    def gscan(self) -> Any:
        """The scan, as other macros look for it."""
        return self._gscan

    def run(self, *_: Any) -> Iterator[float]:
        """Scan, and move to what was found."""
        motor = self._motor.getName()
        with _pipeline(self) as pipeline, contextlib.ExitStack() as following:
            self._follow: Callable[[str], Decider] = lambda run: following.enter_context(
                Decider(pipeline, run, motor, self._found)
            )
            yield from self._gscan.step_scan()
            if self._decider is None:
                return
            self._decider.wait(self._wait_time)
            position = self._decider.position
        if position is None:
            self.warning("the analysis has said no position; %s stays where it is", motor)
            return
        self.info("%s is found at %g", motor, position)
        self.execMacro(["mv", [[motor, position]]])

    def _steps(self) -> Iterator[dict[str, Any]]:
        run = getattr(self, "beamloom_run", None)
        if run is not None:
            self._decider = self._follow(run)
        step: dict[str, Any] = {
            "integ_time": self._seconds,
            "pre-move-hooks": self.getHooks("pre-move"),
            "post-move-hooks": self.getHooks("post-move"),
            "pre-acq-hooks": self.getHooks("pre-acq"),
            "post-acq-hooks": self.getHooks("post-acq") + self.getHooks("_NOHINTS_"),
            "post-step-hooks": self.getHooks("post-step"),
            "check_func": [],
        }
        planned = iter(self._positions)
        position = float(self._positions[0])
        for number in range(len(self._positions)):
            decider = self._decider
            if decider is not None and decider.is_over:
                self.info("the analysis has decided after %d of %d points", number, len(self._positions))
                return
            wanted = None if decider is None else decider.next_position(position)
            position = float(next(planned)) if wanted is None else wanted
            yield {**step, "positions": np.array([position]), "point_id": number}

    def getTimeEstimation(self) -> float:  # noqa: N802  Sardana's name
        """Of the measurements alone (s)."""
        return self._seconds * len(self._positions)

    def getIntervalEstimation(self) -> int:  # noqa: N802
        """At most."""
        return len(self._positions) - 1
