"""Replay with the arguments that existing test suites pass."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from os import PathLike
from typing import Any

from beamloom.control.views.runs import as_text
from beamloom.replay import Replay

logger = logging.getLogger("dranspose.replay")


def replay(
    wclass: str,
    rclass: str,
    zmq_files: Sequence[PathLike[Any] | str] | None = None,
    source: str | None = None,
    parameter_file: PathLike[Any] | str | None = None,
    port: int | None = None,
    keep_alive: bool = False,
    nworkers: int = 2,
    broadcast_first: bool = True,
    stop_event: threading.Event | None = None,
    done_event: threading.Event | None = None,
    start_event: threading.Event | None = None,
    latency: float | None = None,
) -> None:
    """Run a worker and a reducer class over recordings.

    The run begins when ``start_event`` is set, if given; ``done_event`` is set when it is over, also when it failed; with ``port`` and
    ``stop_event`` the server stays until the latter is set. Raises what is wrong with classes or files at once. What fails in a hook is
    logged with its event and traceback, and the replay goes on. Recordings of the old pickled form are read, by an unpickler that
    knows nothing but records.
    """
    try:
        prepared = Replay(
            wclass,
            rclass,
            [str(path) for path in zmq_files or ()],
            source=source,
            parameters=None if parameter_file is None else str(parameter_file),
            workers=nworkers,
            broadcast_first=broadcast_first,
            allow_pickle=True,
        )
        report = prepared.run(
            port=port,
            keep_alive=keep_alive or (port is not None and stop_event is not None),
            start=start_event,
            done=done_event,
            stop=stop_event,
            latency=latency,
        )
    finally:
        if done_event is not None:
            done_event.set()
    for group in report.failures:
        events = f" at events {as_text(group.events)}" if group.events else ""
        logger.error("%s failed%s:\n%s", group.failure.where, events, group.failure.traceback)
    for cause, lost in report.losses:
        logger.warning("events %s are lost: %s", as_text(lost), cause)
    for remark in report.remarks:
        logger.warning("%s", remark)
