"""Runs in a process of its own: imports classes of a repository, and replays recordings through them.

Two forms of an analysis are compared by what they publish in the end and by each result on its way to the reducer. What differs between
two replays that are alike in everything is left out. ``python -m beamloom.migrating.trying JOB ANSWER``.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from beamloom.analysis import load_class
from beamloom.checking.comparing import differences, plain
from beamloom.errors import UserError
from beamloom.events import Result
from beamloom.migrating.children import Found, Look, Looked, Tried, Try, Wanted
from beamloom.migrating.classes import HOOKS
from beamloom.migrating.published import aliased, flat, read_published
from beamloom.migrating.told import Asked, Replayed
from beamloom.replay import Replay, ReplayReport
from beamloom.transport.codec import Encoder
from beamloom.whole_files import write_whole

MOST_TOLD: Final = 5
"""Differences, and places, that are named."""


def main(job: str, answer: str) -> None:
    """Do what the file ``job`` asks for."""
    # What an analysis logs is its own business; what replays warn of is in their reports.
    logging.getLogger().addHandler(logging.NullHandler())
    asked = msgspec.json.decode(Path(job).read_bytes(), type=Look | Try)
    done = _look(asked) if isinstance(asked, Look) else _try(asked)
    write_whole(Path(answer), msgspec.json.encode(done))


# ---- classes ----------------------------------------------------------------------------------------------------------------


def _look(asked: Look) -> Looked:
    return Looked([_found(Path(asked.root), wanted) for wanted in asked.wanted])


def _found(root: Path, wanted: Wanted) -> Found:
    first = ""
    for folder, reference in wanted.references:
        with _Place(root):
            try:
                cls = load_class(reference, root / folder)
            except UserError as error:
                first = first or str(error)
                continue
            hook = next(hook for hook, role in HOOKS.items() if role == wanted.role)
            if not callable(getattr(cls, hook, None)):
                return Found(error=f"{reference} has no method {hook}")
            return Found(folder, reference)
    return Found(error=first)


class _Place:
    """A working folder, of which nothing stays imported."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def __enter__(self) -> None:
        self._path = list(sys.path)
        os.chdir(self._root)
        sys.path.insert(0, str(self._root))

    def __exit__(self, *_: object) -> None:
        sys.path[:] = self._path
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            places = [file] if file else list(getattr(module, "__path__", []))
            if any(self._root in Path(place).resolve().parents for place in places):
                del sys.modules[name]


# ---- replays ----------------------------------------------------------------------------------------------------------------


class _Outcome(msgspec.Struct):
    report: ReplayReport
    publish: Any
    results: dict[int, bytes]


def _try(asked: Try) -> Tried:
    replayed, unlike = [], []
    for one in asked.asked:
        try:
            first = _run(asked, asked.root, one)
            again = _run(asked, asked.root, one)
        # Whatever is wrong with one replay, the others are tried.
        except Exception as error:  # noqa: BLE001
            replayed.append(Replayed(asked=one, failures=(_sentence(error),)))
            continue
        restless = {found.path for found in differences(first.publish, again.publish)}
        replayed.append(_replayed(asked, one, first, restless))
        if asked.other is not None:
            try:
                other = _run(asked, asked.other, one)
                unlike += _unlike(first, again, other, restless, asked.aliases)
            except Exception as error:  # noqa: BLE001
                unlike.append(_sentence(error))
    return Tried(replayed, unlike)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def _run(asked: Try, root: str, one: Asked) -> _Outcome:
    base, recordings = Path(root), Path(asked.recordings)
    with _Place(base):
        folder = base / one.folder
        results: dict[int, bytes] = {}
        replay = Replay(
            load_class(one.worker, folder),
            _watched(load_class(one.reducer, folder), results),
            [recordings / name for name in one.files],
            source=None if one.source is None else load_class(one.source, folder),
            parameters=None if one.parameters is None else base / one.parameters,
            # In the order of events, so that two replays of one form are alike.
            workers=1,
            enough=True,
            allow_pickle=True,
            folder=folder,
        )
        report = replay.run()
        return _Outcome(report, plain(report.publish), results)


def _watched(cls: type, results: dict[int, bytes]) -> type:
    """The reducer class, which notes what each result looked like as it travelled."""
    original = getattr(cls, "process_result", None)
    if original is None:
        return cls
    encoder = Encoder(allow_pickle=True)

    @functools.wraps(original)
    def process_result(self: Any, *given: Any, **named: Any) -> Any:
        for one in (*given, *named.values()):
            if isinstance(one, Result):
                encoded = encoder.encode(one.payload)
                digest = hashlib.sha256(encoded.head)
                for buffer in encoded.buffers:
                    digest.update(buffer)
                results[one.event_number] = digest.digest()
        return original(self, *given, **named)

    fields = {"process_result": process_result, "__module__": cls.__module__, "__doc__": cls.__doc__}
    return type(cls)(cls.__name__, (cls,), fields)


def _replayed(asked: Try, one: Asked, first: _Outcome, restless: set[str]) -> Replayed:
    report, counts = first.report, first.report.counts
    told = [
        f"{group.failure.where} failed at {group.count} {'event' if group.count == 1 else 'events'}: "
        f"{group.failure.error}: {group.failure.message}"
        for group in report.failures
    ]
    found = None
    if one.expected is not None:
        expected = read_published(Path(asked.recordings) / one.expected)
        found = _from_expected(expected, first.publish, restless)
    return Replayed(
        asked=one,
        events=counts.total or 0,
        reduced=counts.reduced,
        failed=counts.failed,
        lost=counts.lost,
        seconds=round(report.seconds, 3),
        failures=tuple(told),
        remarks=tuple(report.remarks),
        published=tuple(flat(first.publish)),
        restless=tuple(sorted(restless)),
        differences=found,
    )


def _from_expected(expected: Mapping[str, Any], publish: Any, restless: set[str]) -> tuple[str, ...] | None:
    """Where what is published differs from what was; None where the file holds nothing of it."""
    values = flat(publish)
    if not expected.keys() & values.keys():
        return None
    found = []
    for name, value in expected.items():
        if name not in values:
            found.append(f"{name} is not published")
            continue
        place = "$." + name.replace("/", ".")
        # What is written to a file may have become wider on its way.
        for one in differences(plain_numbers(value), plain_numbers(values[name]), place):
            if not one.rounding and not any(one.path.startswith(other) for other in restless):
                found.append(f"{one.path} {one.how}")
    return tuple(found[:MOST_TOLD])


def plain_numbers(value: Any) -> Any:
    """Whole numbers and real ones in their widest form, so that values are compared and not their types."""
    import numpy as np

    if isinstance(value, bytes):
        return value.decode(errors="replace")
    array = np.asarray(value)
    if array.dtype.kind in "iub":
        return array.astype(np.int64)
    return array.astype(np.float64) if array.dtype.kind == "f" else value


def _unlike(
    first: _Outcome, again: _Outcome, other: _Outcome, restless: set[str], aliases: Mapping[str, str]
) -> list[str]:
    """Where another form of the analysis gave something else."""
    mine, theirs = first.report.counts, other.report.counts
    if (mine.reduced, mine.failed, mine.lost) != (theirs.reduced, theirs.failed, theirs.lost):
        why = f": {other.report.failures[0].failure.message}" if other.report.failures else ""
        return [
            f"{theirs.reduced} events are reduced and {theirs.failed} fail, not {mine.reduced} and {mine.failed}{why}"
        ]
    found = [
        f"{one.path} {one.how}"
        for one in differences(first.publish, aliased(other.publish, first.publish, aliases))
        if one.path not in restless
    ]
    steady = {event for event, value in first.results.items() if again.results.get(event) == value}
    for event in sorted(steady):
        if other.results.get(event) != first.results[event]:
            found.append(f"the result of event {event} is another")
            break
    return found[:MOST_TOLD]


if __name__ == "__main__":
    main(*sys.argv[1:])
