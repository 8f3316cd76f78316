"""A trace of all processes in the form that chrome://tracing and ui.perfetto.dev open.

The form is the "JSON object format" of the Trace Event Format (Google, 2016): complete events (``X``), times in microseconds. They are
those of the controller's clock; of processes on other machines as far as their clocks are known, to some milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from beamloom.errors import UserError

Answers = dict[str, dict[str, Any] | None]
"""What processes have answered, by their ids; None of one that has not."""
USUAL_SPANS = 20_000
ROLES = ("controller", "ingester", "worker", "debugworker", "reducer", "shadowworker")
"""In the order in which they are shown."""


class NoTrace(UserError):
    """There is none."""


def begin(controller: Any, spans: int) -> dict[str, Any]:
    """Have all processes keep what they do from now on; what they kept before is forgotten."""
    peers = [member.peer for member in controller.ensemble]
    controller.inquiries.begin_traces(peers, spans)
    return {"processes": len(peers) + 1, "spans": spans}


def ask(controller: Any, now: float, reply: Callable[[Callable[[], dict[str, Any]]], None]) -> None:
    """End the trace; ``reply`` is called once with what makes it of the answers. Raises NoTrace where none was begun."""
    if not controller.inquiries.traces:
        raise NoTrace("no trace was begun; POST to /api/v1/trace, wait for what is to be seen, and ask then")
    members = {member.peer: member for member in controller.ensemble}
    controller.inquiries.gather_traces(
        list(members),
        now,
        lambda own, answers: reply(lambda: as_chrome(controller.settings.name, own, members, answers)),
    )


def as_chrome(name: str, own: dict[str, Any], members: dict[str, Any], answers: Answers) -> dict[str, Any]:
    """The trace as data; ``own`` is what the controller, called ``name``, has kept itself."""
    told = [(name, "controller", own, 0.0)]
    missing = []
    for peer, member in members.items():
        answer = answers.get(peer)
        if answer and "spans" in answer:
            told.append((member.name, member.role, answer, member.clock_offset or 0.0))
        else:
            missing.append(member.name)
    told.sort(key=lambda one: (ROLES.index(one[1]) if one[1] in ROLES else len(ROLES), one[0]))
    events = [
        event for number, one in enumerate(told, 1) for event in _events_of(number, one[0], one[2], one[3])
    ]
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"missing": missing}}


def _events_of(pid: int, name: str, told: dict[str, Any], ahead: float) -> Iterator[dict[str, Any]]:
    common = {"ph": "M", "pid": pid, "tid": 1}
    yield {**common, "name": "process_name", "args": {"name": name}}
    yield {**common, "name": "process_sort_index", "args": {"sort_index": pid}}
    yield {**common, "name": "thread_name", "args": {"name": "loop"}}
    to_wall = told["wall"] - told["monotonic"] - ahead
    for what, begun, seconds, about in told["spans"]:
        yield {
            "ph": "X",
            "pid": pid,
            "tid": 1,
            "name": what,
            "cat": "loop",
            "ts": round(1e6 * (begun + to_wall), 1),
            "dur": round(1e6 * seconds, 1),
            "args": about,
        }
