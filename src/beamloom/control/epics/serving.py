"""The server of process variables.

Policy: it looks at the pipeline five times a second and posts what has changed, so that any number of clients costs the pipeline nothing;
parameters are read when they were set, arrays and tables when the reducer tells of a new version. A variable for each parameter and each
number among the results is made when the pipeline has it. What is refused fails the put with the
reason; a pipeline that is away is waited for, and its variables are invalid meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from p4p.server import Server, StaticProvider
from p4p.server.thread import SharedPV

from beamloom.client import Feedback, Follower, Pipeline, Version, connect
from beamloom.control.epics.tables import TableVariable, columns_of
from beamloom.control.epics.variables import (
    INVALID,
    MAJOR,
    NO_ALARM,
    STATES,
    Put,
    as_put,
    code_of,
    command,
    feedback_row,
    feedback_table,
    image_variable,
    parameter_variable,
    read_only,
    state_variable,
)
from beamloom.control.panels.arrays import WantedArray, WantedTable
from beamloom.control.panels.listening import Listening
from beamloom.control.panels.look import FAULT, Look, look_at
from beamloom.errors import PipelineError, UserError
from beamloom.texts import encodable
from beamloom.triggermap import TriggerMap

logger = logging.getLogger(__name__)

INTERVAL = 0.2
"""Seconds between two looks."""
TIMEOUT = 2.0
"""Longest wait for an answer of the pipeline, in seconds."""
MOST_NUMBERS = 200


class PipelineServer:
    """Serves a pipeline under names that begin with a prefix; it is a context manager."""

    def __init__(
        self,
        url: str,
        prefix: str,
        arrays: Sequence[WantedArray],
        tables: Sequence[WantedTable] = (),
        conf: dict[str, str] | None = None,
    ) -> None:
        """``conf``: settings of the EPICS server in place of those of the environment."""
        self._url = url
        self._prefix = prefix
        self._arrays = arrays
        self._tables = tables
        self._pipeline: Pipeline | None = None
        self._look = Look(FAULT, f"no pipeline has answered yet at {url}")
        self._values: dict[str, Any] = {}
        self._variables: dict[str, SharedPV] = {}
        self._provider = StaticProvider("beamloom")
        self._add("State", state_variable())
        self._add("Status", read_only("s", self._look.text))
        self._add("Run", read_only("s", ""))
        for name in ("CompletedEvents", "TotalEvents", "LostEvents", "FailedEvents"):
            self._add(name, read_only("l", 0))
        self._add("WorkerCount", command("l", 0, self._set_workers))
        self._add("SetTriggerMap", command("s", "", self._arm))
        self._add("Live", command("as", [], self._live))
        self._add("Stop", command("?", False, lambda value: self._asked(lambda pipeline: pipeline.stop())))
        self._add("Feedback", feedback_table())
        for wanted in arrays:
            self._add(
                f"Result:{wanted.name}", image_variable() if wanted.dimensions == 2 else read_only("ad", [])
            )
        self._shown_tables = {table.name: TableVariable() for table in tables}
        for name, table in self._shown_tables.items():
            self._add(f"Result:{name}", table.variable)
        self._numbers: set[str] = set()
        """The variables that are single numbers of the result."""
        self._described: dict[str, Mapping[str, Any]] = {}
        """What was said of each parameter that is shown."""
        self._describing: tuple[str, ...] = ()
        self._read: Mapping[str, str] = {}
        """The version of each parameter that is shown."""
        self._followers: dict[str, Follower[Version]] = {}
        self._over = threading.Event()
        self._server = Server(providers=[self._provider], conf=conf, useenv=conf is None)
        self._thread = threading.Thread(target=self._watch, name="epics looks")
        self._thread.start()
        self._listening = Listening(url, TIMEOUT, self._tell)

    @property
    def conf(self) -> dict[str, str]:
        """What the server has bound, as settings for clients."""
        settings: dict[str, str] = self._server.conf(client=True, server=False)
        return settings

    def close(self) -> None:
        """Serve no more."""
        self._over.set()
        self._listening.stop()
        self._thread.join()
        for follower in self._followers.values():
            with contextlib.suppress(PipelineError):  # why it ended by itself has been logged
                follower.stop()
        self._server.stop()
        if self._pipeline is not None:
            self._pipeline.close()

    def __enter__(self) -> PipelineServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _add(self, name: str, variable: SharedPV) -> None:
        self._variables[name] = variable
        self._provider.add(self._prefix + name, variable)

    def _tell(self, one: Feedback) -> None:
        self._variables["Feedback"].post(list(map(feedback_row, self._listening.latest)))

    # ---- looking ----------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                if self._pipeline is None:
                    self._pipeline = connect(self._url, timeout=TIMEOUT)
                look = look_at(self._pipeline)
                self._show(look)
                self._show_parameters(self._pipeline, look)
                self._follow(self._pipeline)
            except UserError as error:
                self._show(Look(FAULT, str(error)))
            # A thread that ends here leaves variables that show what was last, for good.
            except Exception as error:
                look = Look(FAULT, f"what the pipeline says cannot be shown: {type(error).__name__}: {error}")
                if look != self._look:
                    logger.exception("a look cannot be shown")
                self._show(look)
            self._over.wait(INTERVAL)

    def _show(self, look: Look) -> None:
        self._look = look
        self._post("State", STATES.index(look.state), MAJOR if look.state == FAULT else NO_ALARM)
        self._post("Status", look.text)
        if not look.known:
            return
        self._post("Run", look.run)
        self._post("CompletedEvents", look.completed)
        self._post("TotalEvents", look.total or 0, INVALID if look.total is None else NO_ALARM)
        self._post("LostEvents", look.lost)
        self._post("FailedEvents", look.failed)
        self._post("WorkerCount", look.workers)
        for path, number in look.numbers.items():
            name = f"Result:{path.replace('/', ':')}"
            if name not in self._variables and len(self._numbers) < MOST_NUMBERS:
                self._numbers.add(name)
                self._add(name, read_only("d", number))
            # An array or a table that was asked for may have the name of a number.
            if name in self._numbers:
                self._post(name, number)

    def _show_parameters(self, pipeline: Pipeline, look: Look) -> None:
        """Ask for those that were set since the last look, mostly none."""
        if not look.known:
            return
        changed = [name for name, version in look.versions.items() if self._read.get(name) != version]
        if look.describing == self._describing and not changed:
            return
        asked = changed if look.describing == self._describing else ()
        for name, value, described in pipeline.parameters.lines(*asked):
            if described:
                self._show_parameter(name, as_put(code_of(described), value), described)
        self._read, self._describing = dict(look.versions), look.describing

    def _show_parameter(self, name: str, value: Any, described: Mapping[str, Any]) -> None:
        variable = f"Param:{name}"
        if self._described.get(name) != described:
            if name in self._described:
                # Newer code describes it in another way, perhaps as another type, which a variable cannot become.
                self._provider.remove(self._prefix + variable)
                self._variables.pop(variable).close(destroy=True)
            self._described[name] = described
            self._add(variable, parameter_variable(described, value, self._setter(name)))
            self._values[variable] = (_comparable(value), NO_ALARM)
        self._post(variable, value)

    def _follow(self, pipeline: Pipeline) -> None:
        """Be told of new versions of the results that are asked for; one that cannot be followed now is tried again at each look."""
        for array in self._arrays:
            self._follow_one(pipeline, array.name, array.path, functools.partial(self._show_array, array))
        for table in self._tables:
            self._follow_one(pipeline, table.name, table.path, functools.partial(self._show_table, table))

    def _follow_one(self, pipeline: Pipeline, name: str, path: str, show: Callable[[Version], None]) -> None:
        follower = self._followers.get(name)
        if follower is None or not follower.is_running:
            self._followers[name] = pipeline.follow(path, show, interval=INTERVAL)

    def _show_array(self, wanted: WantedArray, version: Version) -> None:
        try:
            array = np.asarray(version.value, dtype=float)
        except (TypeError, ValueError):
            return
        if array.ndim == wanted.dimensions:
            self._post(f"Result:{wanted.name}", array)

    def _show_table(self, wanted: WantedTable, version: Version) -> None:
        columns = columns_of(version.value)
        if columns:
            self._shown_tables[wanted.name].show(columns)

    def _post(self, name: str, value: Any, severity: int = NO_ALARM) -> None:
        value = encodable(value) if isinstance(value, str) else value
        said = (_comparable(value), severity)
        if self._values.get(name) != said:
            self._values[name] = said
            self._variables[name].post(value, severity=severity) if severity else self._variables[name].post(
                value
            )

    # ---- what clients put -------------------------------------------------------------------------------------------------

    def _setter(self, name: str) -> Put:
        def put(value: Any) -> None:
            given = value.tobytes() if isinstance(value, np.ndarray) and value.dtype == np.uint8 else value
            self._asked(lambda pipeline: pipeline.parameters.__setitem__(name, given))
            self._values.pop(f"Param:{name}", None)

        return put

    def _set_workers(self, count: int) -> None:
        self._asked(lambda pipeline: pipeline.set_workers(int(count)))

    def _arm(self, text: str) -> None:
        trigger_map = TriggerMap.from_json(text.encode())
        self._asked(lambda pipeline: pipeline.arm(trigger_map))

    def _live(self, streams: Any) -> None:
        self._asked(lambda pipeline: pipeline.arm([str(one) for one in streams] or pipeline.known_streams))

    def _asked(self, ask: Callable[[Pipeline], Any]) -> None:
        if self._pipeline is None:
            raise PipelineError(self._look.text)
        ask(self._pipeline)


def _comparable(value: Any) -> Any:
    return (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
