"""The Tango device.

Policy: attributes of the run are those of the last look, so that any number of clients costs the pipeline nothing; parameters are asked for
when they are read. A thread looks, pushes what has changed as events, and makes attributes for parameters and numbers as these come to
be known. Whatever the pipeline refuses is raised with its sentence; one that is away is waited for in state FAULT.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tango import (
    AttrQuality,
    AttrWriteType,
    AutoTangoMonitor,
    DevFailed,
    DevState,
    EnsureOmniThread,
    Except,
)
from tango.server import Device, attribute, command, device_property

from beamloom.client import Feedback, Pipeline, connect
from beamloom.control.panels.listening import MOST_SHOWN, Listening, as_text
from beamloom.control.panels.look import FAULT, Look, look_at
from beamloom.control.tango.attributes import (
    MOST_ELEMENTS,
    WITH_EVENTS,
    Names,
    Shown,
    of_arrays,
    of_numbers,
    of_parameters,
)
from beamloom.errors import PipelineError, UserError
from beamloom.parameters import UnknownParameter
from beamloom.texts import encodable
from beamloom.triggermap import TriggerMap, TriggerMapError

logger = logging.getLogger(__name__)

TIMEOUT = 2.0
"""Longest wait for an answer of the pipeline, in seconds: a Tango client gives up after three."""
MOST_NUMBERS = 200
"""Results that are single numbers and become attributes by themselves."""


class Beamloom(Device):
    """A pipeline."""

    Controller = device_property(
        dtype=str, default_value="http://127.0.0.1:5000", doc="Address of the controller."
    )
    Arrays = device_property(
        dtype=(str,),
        default_value=[],
        doc="Results that are arrays and become attributes: NAME=PATH:1 for a spectrum, NAME=PATH:2 for an image; numbers do so anyway.",
    )
    Interval = device_property(
        dtype=float, default_value=0.2, doc="Seconds between two looks at the pipeline."
    )

    # ---- life -------------------------------------------------------------------------------------------------------------

    def init_device(self) -> None:
        """Begin to look."""
        super().init_device()
        self._look = Look(FAULT, f"no pipeline has answered yet at {self.Controller}")
        self._shown_looks = 0
        self._pipeline: Pipeline | None = None
        self._names = Names()
        self._shown: dict[str, Shown] = {}
        self._numbers: dict[str, str] = {}
        self._parameters: dict[str, Shown] = {}
        self._described: list[dict[str, Any]] = []
        self._added: list[dict[str, Any]] = self._described
        self._describing: tuple[str, ...] = ()
        for name in WITH_EVENTS:
            self.set_change_event(name, True, False)
        self.set_state(DevState.FAULT)
        self.set_status(self._look.text)
        self._add_arrays()
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, args=(self._over,), name="beamloom looks", daemon=True
        )
        self._thread.start()
        self._listening = Listening(self.Controller, TIMEOUT, self._tell, EnsureOmniThread)

    def delete_device(self) -> None:
        """Stop looking. The thread ends by itself: it may be waiting for the device, which is busy with this."""
        self._over.set()
        self._listening.stop(wait=False)
        if self._pipeline is not None:
            self._pipeline.close()
        for shown in list(self._shown.values()):
            self.remove_attribute(shown.name)
        super().delete_device()

    def _watch(self, over: threading.Event) -> None:
        with EnsureOmniThread():
            while not over.is_set():
                try:
                    self._look_and_show(over)
                except DevFailed as error:
                    # Somebody keeps the device busy: the next look comes soon.
                    logger.warning("a look was not shown: %s", error.args[0].desc)
                # A thread that ends here leaves a device that shows what was last, for good.
                except Exception as error:  # noqa: BLE001
                    self._show_fault(error, over)
                over.wait(self.Interval)

    def _look_and_show(self, over: threading.Event) -> None:
        shown = self._shown_looks
        look = self._one_look()
        with AutoTangoMonitor(self):
            # A command that began a run meanwhile has shown a newer one.
            if not over.is_set() and shown == self._shown_looks:
                self._show(look)

    def _show_fault(self, error: Exception, over: threading.Event) -> None:
        text = encodable(f"what the pipeline says cannot be shown: {type(error).__name__}: {error}")
        if text != self._look.text:
            logger.error("a look cannot be shown", exc_info=error)
        with contextlib.suppress(DevFailed), AutoTangoMonitor(self):
            if not over.is_set():
                self._look = Look(FAULT, text)
                self.set_state(DevState.FAULT)
                self.set_status(text)

    def _one_look(self) -> Look:
        try:
            if self._pipeline is None:
                self._pipeline = connect(self.Controller, timeout=TIMEOUT)
            look = look_at(self._pipeline)
            if look.known and look.describing != self._describing:
                self._described = list(self._pipeline.parameters.descriptions().values())
                self._describing = look.describing
        except UserError as error:
            look = Look(FAULT, str(error))
        return look

    def _tell(self, one: Feedback) -> None:
        with AutoTangoMonitor(self):
            if not self._over.is_set():
                self.push_change_event("feedback", as_text(one))

    # ---- what is shown ----------------------------------------------------------------------------------------------------

    def _show(self, look: Look) -> None:
        before, self._look = self._look, look
        self._shown_looks += 1
        self._add_parameters()
        self._add_numbers(look)
        state = DevState.names[look.state]
        if state != self.get_state():
            self.set_state(state)
            self.push_change_event("State")
        if look.text != before.text:
            self.set_status(encodable(look.text))
            self.push_change_event("Status")
        for name, value, was in (
            ("run", look.run, before.run),
            ("completedEvents", look.completed, before.completed),
            ("lostEvents", look.lost, before.lost),
            ("failedEvents", look.failed, before.failed),
            ("workerCount", look.workers, before.workers),
        ):
            if value != was:
                self.push_change_event(name, value)
        if look.total is not None and look.total != before.total:
            self.push_change_event("totalEvents", look.total)
        for path, name in self._numbers.items():
            number = look.numbers.get(path)
            if number is not None and number != before.numbers.get(path):
                self.push_change_event(name, number)

    def _add_parameters(self) -> None:
        """Those that have come to be known, and those that newer code describes in another way."""
        if self._described is self._added:
            return
        self._added = self._described
        for one in self._described:
            before = self._parameters.get(one["name"])
            if before is not None:
                self._names.take_back(before.name)
            (shown,) = of_parameters([one], self._names)
            if shown == before:
                continue
            if before is not None:
                self.remove_attribute(before.name)
                del self._shown[before.name]
            self._parameters[one["name"]] = shown
            self._add(shown, self._read_parameter, self._write_parameter)

    def _add_numbers(self, look: Look) -> None:
        new = [path for path in look.numbers if path not in self._numbers]
        for shown in of_numbers(new[: MOST_NUMBERS - len(self._numbers)], self._names):
            self._numbers[shown.about] = shown.name
            self._add(shown, self._read_number)
            self.set_change_event(shown.name, True, False)

    def _add_arrays(self) -> None:
        try:
            wanted = of_arrays(self.Arrays, self._names)
        except ValueError as error:
            Except.throw_exception("Beamloom_WrongProperty", f"property Arrays: {error}", "init_device")
        for shown in wanted:
            self._add(shown, self._read_array)

    def _add(
        self, shown: Shown, read: Callable[[Any], Any], write: Callable[[Any], None] | None = None
    ) -> None:
        limits = {
            name: value
            for name, value in (("min_value", shown.min_value), ("max_value", shown.max_value))
            if value
        }
        sizes = (
            {"max_dim_x": MOST_ELEMENTS, "max_dim_y": MOST_ELEMENTS} if isinstance(shown.dtype, tuple) else {}
        )
        self._shown[shown.name] = shown
        self.add_attribute(
            attribute(
                name=shown.name,
                dtype=shown.dtype,
                access=AttrWriteType.READ if write is None else AttrWriteType.READ_WRITE,
                fget=read,
                fset=write,
                unit=shown.unit,
                doc=shown.doc,
                **limits,
                **sizes,
            )
        )

    # ---- attributes of the run --------------------------------------------------------------------------------------------

    @attribute(dtype=str, doc="Id of the present or last run; empty before the first.")
    def run(self) -> str:
        """Of the last look."""
        return self._look.run

    @attribute(dtype=int, doc="Events of the run that are reduced, failed or lost.")
    def completedEvents(self) -> int:  # noqa: N802  the name that existing panels use
        """Of the last look."""
        return self._look.completed

    @attribute(dtype=int, doc="Events that the run will have; invalid while nobody knows.")
    def totalEvents(self) -> Any:  # noqa: N802
        """Of the last look."""
        if self._look.total is None:
            return 0, 0.0, AttrQuality.ATTR_INVALID
        return self._look.total

    @attribute(dtype=int, doc="Events of the run that did not come whole, or whose result is lost.")
    def lostEvents(self) -> int:  # noqa: N802
        """Of the last look."""
        return self._look.lost

    @attribute(dtype=int, doc="Events of the run at which the analysis failed.")
    def failedEvents(self) -> int:  # noqa: N802
        """Of the last look."""
        return self._look.failed

    @attribute(dtype=int, min_value=1, doc="Workers; written where `beamloom up` started the pipeline.")
    def workerCount(self) -> int:  # noqa: N802
        """Of the last look."""
        return self._look.workers

    @workerCount.write
    def _write_workers(self, count: int) -> None:
        self._asked(lambda pipeline: pipeline.set_workers(count))

    @attribute(dtype=str, doc="Whether the result is complete, in a sentence.")
    def coverage(self) -> str:
        """As the reducer says now."""
        return str(self._asked(lambda pipeline: pipeline.coverage().sentence))

    @attribute(
        dtype=str,
        doc="The latest that the analysis has said, as JSON, with an event for each piece; empty before the first.",
    )
    def feedback(self) -> str:
        """As it was heard."""
        latest = self._listening.latest
        return as_text(latest[-1]) if latest else ""

    @attribute(
        dtype=(str,),
        max_dim_x=MOST_SHOWN,
        doc="The latest that the analysis has said, oldest first, each as JSON.",
    )
    def lastFeedback(self) -> list[str]:  # noqa: N802
        """As it was heard."""
        return list(map(as_text, self._listening.latest.copy()))

    # ---- parameters and results -------------------------------------------------------------------------------------------

    def _read_parameter(self, attr: Any) -> Any:
        shown = self._shown[attr.get_name()]
        value = self._asked(lambda pipeline: pipeline.parameters[shown.about])
        if shown.dtype == (np.uint8,):
            return np.frombuffer(value, np.uint8)
        if isinstance(value, np.ndarray | list):
            return value if shown.dtype is not str else json.dumps(np.asarray(value).tolist())
        return value

    def _write_parameter(self, attr: Any) -> None:
        shown = self._shown[attr.get_name()]
        value = attr.get_write_value()
        if shown.by_path and value:
            self._asked(lambda pipeline: _send_file(pipeline, shown.about, Path(value)))
        else:
            given = _as_given(shown, value)
            self._asked(lambda pipeline: pipeline.parameters.__setitem__(shown.about, given))

    def _read_number(self, attr: Any) -> Any:
        number = self._look.numbers.get(self._shown[attr.get_name()].about)
        return (0.0, 0.0, AttrQuality.ATTR_INVALID) if number is None else number

    def _read_array(self, attr: Any) -> Any:
        shown = self._shown[attr.get_name()]
        return np.asarray(self._asked(lambda pipeline: pipeline.result[shown.about][...]), dtype=float)

    # ---- commands ---------------------------------------------------------------------------------------------------------

    @command(dtype_in=str, doc_in="a trigger map as JSON", dtype_out=str, doc_out="the id of the run")
    def SetTriggerMap(self, text: str) -> str:  # noqa: N802
        """Begin a run with this trigger map; returns when the devices may send."""
        try:
            trigger_map = TriggerMap.from_json(text.encode())
        except TriggerMapError as error:
            Except.throw_exception("Beamloom_Refused", str(error), "SetTriggerMap")
        return self._armed(lambda pipeline: pipeline.arm(trigger_map))

    @command(dtype_in=(str,), doc_in="streams; none: all of them", dtype_out=str, doc_out="the id of the run")
    def Live(self, streams: list[str]) -> str:  # noqa: N802
        """Begin a run of these streams that goes on until Stop: for an alignment."""
        return self._armed(lambda pipeline: pipeline.arm(list(streams) or pipeline.known_streams))

    @command
    def Stop(self) -> None:  # noqa: N802
        """End the run: what has arrived is worked off, the rest is lost."""
        self._asked(lambda pipeline: pipeline.stop())

    @command(
        dtype_in=str,
        doc_in="a JSONPath, such as $.hit_rate",
        dtype_out=str,
        doc_out="what it selects, as JSON",
    )
    def Result(self, path: str) -> str:  # noqa: N802
        """Part of what the reducer publishes."""
        return json.dumps(_as_json(self._asked(lambda pipeline: pipeline.result.select(path))))

    @command(
        dtype_in=str,
        doc_in="up to where all is known, as RUN:NUMBER; empty: all of the present or last run",
        dtype_out=(str,),
        doc_out="each piece as JSON",
    )
    def FeedbackAfter(self, place: str) -> list[str]:  # noqa: N802
        """What the analysis has said behind a place: for clients that have missed events."""
        pieces = self._asked(lambda pipeline: pipeline.feedback_so_far(after=place or None))
        return list(map(as_text, pieces))

    def _armed(self, arm: Callable[[Pipeline], str]) -> str:
        """The id of a run that is begun; its state is shown before anybody can ask for it."""
        run: str = self._asked(arm)
        self._show(self._asked(look_at))
        return run

    def _asked(self, ask: Callable[[Pipeline], Any]) -> Any:
        """What the pipeline answers. Raises DevFailed with its sentence."""
        pipeline = self._pipeline
        try:
            if pipeline is None:
                raise PipelineError(self._look.text)
            return ask(pipeline)
        except (UserError, UnknownParameter) as error:
            Except.throw_exception("Beamloom_Refused", str(error), "Beamloom")


def _send_file(pipeline: Pipeline, name: str, path: Path) -> None:
    """The content first: the name says that it is there."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PipelineError(f"{path} cannot be read by the Tango device server: {error.strerror}") from error
    pipeline.parameters[f"{name}_file"] = content
    pipeline.parameters[name] = str(path)


def _as_given(shown: Shown, value: Any) -> Any:
    if shown.dtype == (np.uint8,):
        return np.asarray(value, np.uint8).tobytes()
    if isinstance(shown.dtype, tuple):
        return np.asarray(value)
    return value


def _as_json(value: Any) -> Any:
    """With numbers that JSON does not have as null."""
    match value:
        case dict():
            return {str(key): _as_json(one) for key, one in value.items()}
        case list() | tuple():
            return list(map(_as_json, value))
        case np.ndarray() | np.generic():
            return _as_json(value.tolist())
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)
