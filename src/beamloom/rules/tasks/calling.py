"""Calls a task by its name, and puts what it returns where it belongs. This is what workers do, of every kind of executor."""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from beamloom.rules.errors import RuleError, RuleRefused
from beamloom.rules.files import sync
from beamloom.rules.sources import Source, open_source
from beamloom.rules.spec import GATHER, Coming, Done, Failed, Setup, Work
from beamloom.rules.tasks.chunk import Chunk, Gathered
from beamloom.texts import encodable


def find_task(name: str) -> Callable[..., Any]:
    """The function ``package.module:function``. Raises RuleRefused."""
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise RuleRefused(
            f"the task {name!r} cannot be found: {error}; a task is named package.module:function"
        ) from error
    if not callable(found):
        raise RuleRefused(f"{name!r} is no function")
    return found  # type: ignore[no-any-return]


class Caller:
    """The steps that one worker knows, and what it has open for them."""

    def __init__(self) -> None:
        self._setups: dict[int, Setup] = {}
        self._sources: dict[int, Source] = {}

    def setup(self, setup: Setup) -> None:
        """A step of which chunks are going to come."""
        self._setups[setup.step] = setup
        self._look_in(setup.paths)

    def _look_in(self, paths: list[str]) -> None:
        sys.path += [path for path in paths if path not in sys.path]

    def expect(self, coming: Coming) -> None:
        """Load what a task needs before its first chunk: its module, and what the function ``prepare`` there loads, where it has one.

        What goes wrong is told by the first chunk.
        """
        self._look_in(coming.paths)
        with contextlib.suppress(Exception):
            module = importlib.import_module(coming.task.partition(":")[0])
            prepare = getattr(module, "prepare", None)
            if prepare is not None:
                prepare(coming.parameters)

    def forget(self, step: int) -> None:
        """No more chunks of this step."""
        self._setups.pop(step, None)
        source = self._sources.pop(step, None)
        if source is not None:
            source.close()

    def call(self, work: Work) -> Done | Failed:
        """Work off one chunk; whatever its task raises is its outcome."""
        begun = time.monotonic()
        try:
            value, table_file, desk = self._call(work)
            return Done(work.lease, time.monotonic() - begun, value, table_file, desk.written())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - also SystemExit of a task is only its own
            self.forget_source(work.lease.step)
            return Failed(
                work.lease,
                [cls.__name__ for cls in type(error).__mro__ if cls is not object],
                encodable("; ".join([_text(error), *map(str, getattr(error, "__notes__", []))])),
                encodable("".join(traceback.format_exception(error))),
                time.monotonic() - begun,
            )

    def forget_source(self, step: int) -> None:
        """What is open may be broken: it is opened anew for the next chunk."""
        source = self._sources.pop(step, None)
        if source is not None:
            with contextlib.suppress(Exception):
                source.close()

    def _call(self, work: Work) -> tuple[bytes | None, str | None, Any]:
        setup = self._setups[work.lease.step]
        spec = setup.spec
        task: Chunk | Gathered
        if work.lease.chunk == GATHER:
            task = Gathered(setup, work, self._source(setup))
            returned = find_task(spec.gather)(task, spec.parameters)
        else:
            task = Chunk(setup, work, self._source(setup))
            returned = find_task(spec.task)(task, spec.parameters)
        if isinstance(returned, np.ndarray):
            return None, _save(task, returned), task.desk
        return _encode(returned), None, task.desk

    def _source(self, setup: Setup) -> Source | None:
        if not setup.spec.source:
            return None
        if setup.step not in self._sources:
            self._sources[setup.step] = open_source(setup.spec.source, setup.spec.below)
        return self._sources[setup.step]


def _text(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - the text of an exception is anybody's code, too
        return type(error).__name__


def _save(task: Chunk | Gathered, table: np.ndarray[Any, Any]) -> str:
    path = task.desk.path("npy")
    with open(path, "wb") as file:
        np.save(file, table, allow_pickle=False)
    sync(path)
    return str(path)


def _encode(value: Any) -> bytes | None:
    if value is None:
        return None
    try:
        return msgspec.json.encode(value, enc_hook=_plain)
    except (TypeError, ValueError) as error:
        raise RuleError(
            f"a task returns a table (an array), or values that JSON has, and not this: {error}"
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__}")
