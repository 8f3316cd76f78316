"""A result that was made again, put beside the live one: the reducer is given it, and the controller is told of it.

Nothing of it can be read before it is whole. That it is under way, and how far, is told to the controller for people; whether
the controller hears it makes no difference to the result.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from beamloom.client._http import Service
from beamloom.client._processes import Processes
from beamloom.control.answers.forms import MadeAgain
from beamloom.errors import PipelineError, UsageError, UserError
from beamloom.results.record import RunRecord
from beamloom.results.sharing import Sharer
from beamloom.results.snapshot import Snapshot
from beamloom.services.reducer.handing_in import packed

TELL_EVERY = 0.5
"""Seconds between two words to the controller."""
ATTEMPTS = 3
HAND_IN_SECONDS = 120.0


class Publisher:
    """Speaks with the pipeline that a result is for."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._next = 0.0

    def tell(self, told: MadeAgain, *, now: bool = False) -> None:
        """Tell how far it is, unless that was told a moment ago; a controller that does not hear it is none of our business."""
        moment = time.monotonic()
        if not now and moment < self._next:
            return
        self._next = moment + TELL_EVERY
        with suppress(PipelineError):
            self._tell(told)

    def conclude(self, told: MadeAgain) -> None:
        """Tell what came of it, so that it stands among the runs; tried more than once. Raises PipelineError."""
        for left in reversed(range(ATTEMPTS)):
            try:
                self._tell(told)
            except PipelineError:
                if not left:
                    raise
            else:
                return

    def _tell(self, told: MadeAgain) -> None:
        body = msgspec.json.encode(told, enc_hook=str)
        self.controller.ask("POST", "/api/v1/reprocessing", content=body)

    @property
    def controller(self) -> Service:
        """That of the pipeline. Raises NoController."""
        return self._processes.controller

    def hand_in(
        self, record: RunRecord, publish: dict[Any, Any], *, instead: str | None = None, last: bool = True
    ) -> str:
        """Give the reducer a result; returns the address that it is read at. Raises PipelineError, UnencodableResult.

        ``instead``: the run in whose place it is shown; not ``last``: it will be handed in again, and is shown until then.
        """
        body = packed(record, publish)
        params = {} if instead is None else {"instead": instead, "last": "true" if last else "false"}
        path = f"/api/v1/runs/{quote(record.run, safe='')}"

        def give(reducer: Service) -> str:
            reducer.ask("PUT", path, content=body, params=params, timeout=HAND_IN_SECONDS)
            return f"{reducer.url}{path}/result/$"

        return self._processes.of_reducer(give)

    def comparison(self, one: str, other: str) -> str:
        """The page of the dashboard that shows two runs side by side."""
        return f"{self._processes.url}/#runs?compare={one},{other}"


def check_file(path: Path) -> None:
    """Raises UsageError where no result can be saved there, before any work is done."""
    import importlib.util

    if path.exists():
        raise UsageError(f"{path} is there already; choose another name, or move it away")
    if path.suffix.lower() not in (".h5", ".hdf5", ".nxs"):
        raise UsageError(f"{path} is written as HDF5; let its name end in .h5 or .nxs")
    if importlib.util.find_spec("h5py") is None:
        raise UsageError("-o needs h5py: pip install 'beamloom[files]'")


def save(path: Path, record: RunRecord, publish: dict[Any, Any]) -> str:
    """Write a result into a file, whole or not at all; returns where it is. Raises UserError."""
    from beamloom.results.files.once import keep_once
    from beamloom.results.files.place import Hdf5File

    try:
        return keep_once(Hdf5File(path), record, Snapshot(1, record.run, Sharer().copy(publish)))
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror or error}; name another place with -o"
        ) from error
