"""What the controller's HTTP API says of failures: each kind once, whom it hit, and what to do about it."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import quote

from beamloom.control.views.runs import RANGES_LISTED, RunRecord, one_by_one
from beamloom.engine.accounts.faults import OTHER, FailureGroup

_ADVICE = {
    "EventTimeout": "see in the stack where it hung; raise event_timeout where such events need longer",
    "MemoryLimit": "see in the stack what it was building; raise memory_limit where such events need more",
    "WorkerDied": "see in the stack which library crashed; without a stack it was killed, out of memory, or called os._exit",
    "ReducerDied": "the result is set aside and the run goes on without it; see in the stack which library crashed",
    "TakenInPart": "run it again, and tell the developers how it came to this",
    "NotJoinable": "publish what can be joined, have the class's combine join it, or set leaves to 1",
    "UnknownParameter": "describe the parameter in describe_parameters, or set it before the run",
    "UnknownPacketType": "install the package that brings the parser, or look which device the stream really has",
    "UnencodableResult": "return what results can carry (dicts, arrays, dataclasses), or set pickle_results = True in the class",
    "UndecodableResult": "run the same version of the analysis in workers and reducer, or allow pickles there",
    "ModuleNotFoundError": "install the module where this process runs, or correct analysis_path",
    "MemoryError": "give the process more memory, or make the class hold less between events",
}
_GENERAL = "mend the line that the traceback ends with"


def errors(record: RunRecord | None, *, listed: bool = True) -> list[dict[str, Any]]:
    """The failures of a run, each kind once, with its traceback and its events; these one by one only where they are ``listed``."""
    return [] if record is None else [_error(group, listed) for group in record.run.faults.groups]


def _error(group: FailureGroup, listed: bool) -> dict[str, Any]:
    failure = group.failure
    ranges = list(itertools.islice(group.events, RANGES_LISTED))
    return {
        "signature": group.signature,
        "where": failure.where,
        "error": failure.error,
        "message": failure.message,
        "place": failure.place,
        "traceback": failure.traceback,
        "worker": _name(group.worker),
        "workers": list(dict.fromkeys(map(_name, group.workers))),
        "count": group.count,
        "events": one_by_one(group.events) if listed else [],
        "ranges": [[first, stop - 1] for first, stop in ranges],
        "first_event": ranges[0][0] if ranges else None,
        "last_event": None if not ranges else _last(group),
        "capsules": [{"capsule": name, "href": f"/api/v1/capsules/{quote(name)}"} for name in group.capsules],
        "what_to_do": advice(group),
    }


def _last(group: FailureGroup) -> int:
    *_, (_, stop) = group.events
    return int(stop) - 1


def _name(worker: str) -> str:
    return worker.partition("@")[0]


def advice(group: FailureGroup) -> str:
    """What to do, in a sentence."""
    failure = group.failure
    if group.signature == OTHER:
        return "mend the kinds of failure before this one first: there are more than are told one by one"
    words = _ADVICE.get(failure.error, _GENERAL if failure.traceback else "look at the log of the process")
    if group.capsules:
        file = group.capsules[0].rpartition("/")[2]
        words += f"; 'beamloom debug {file}' makes the call again, and with --test writes a test of it"
    return f"{words[0].upper()}{words[1:]}."
