"""What a supervisor says at its end of the runs that it has seen, and whether they went well.

That is what ``beamloom replay`` says of its own run: nothing has failed, or no more events than ``max_failed`` allows.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

MOST_RUNS = 5
"""Runs of which it is said what failed; the newest ones."""
MOST_KINDS = 3
PATIENCE = 2.0


def verdict(controller_url: str | None) -> tuple[list[str], bool]:
    """Lines on the runs of which something failed, and whether all went well. Says nothing where the controller does not answer."""
    runs = None if controller_url is None else _ask(controller_url, "runs")
    if controller_url is None or not isinstance(runs, list):
        return [], True
    lines: list[str] = []
    bad = [run for run in runs if not run.get("clean", True)]
    for run in bad[:MOST_RUNS]:
        lines += _lines(controller_url, run)
    if len(bad) > MOST_RUNS:
        lines.append(f"and {len(bad) - MOST_RUNS} runs before, of which events failed, too")
    return lines, not bad


def _lines(controller_url: str, run: dict[str, Any]) -> Iterator[str]:
    total = run["reduced"] + run["failed"] + run["lost"]
    yield (
        f"run {run['run'][:8]}: {total} events: {run['reduced']} reduced, {run['failed']} failed, {run['lost']} lost"
        + (f"; degraded: {run['degraded']}" if run.get("degraded") else "")
    )
    errors = _ask(controller_url, f"errors?run={quote(run['run'])}") or []
    for error in errors[:MOST_KINDS]:
        at = "" if not error["events"] else f" at event {error['first_event']}"
        more = f" and {len(error['events']) - 1} more" if len(error["events"]) > 1 else ""
        message = error["message"].partition("\n")[0]
        yield f"  {error['where']} failed{at}{more}: {error['error']}: {message}"
        yield f"    {error['what_to_do']}"
    if len(errors) > MOST_KINDS:
        yield f"  and {len(errors) - MOST_KINDS} kinds of failure more"


def _ask(url: str, path: str) -> Any:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=PATIENCE)
    try:
        connection.request("GET", f"/api/v1/{path}")
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return None
    finally:
        connection.close()
