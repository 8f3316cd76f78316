"""Plans whose runs are analysed live, in the style of ``bluesky.preprocessors``.

What subscribing alone cannot do: the run of the pipeline is armed before the scan opens its own, so that no detector is started earlier,
and the ``start`` document names it. The RunEngine's loop is never blocked: pausing and aborting work while a plan waits.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, Literal

import bluesky.preprocessors as bpp
from bluesky.utils import Msg, make_decorator

from beamloom.control.bluesky.live_analysis import LiveAnalysis
from beamloom.control.bluesky.waiting import check_choice, wait_for
from beamloom.errors import NotReachable

Plan = Generator[Msg, Any, Any]


def live_analysis_wrapper(
    plan: Iterable[Msg],
    live: LiveAnalysis,
    *,
    time_limit: float = 10.0,
    when_late: Literal["go_on", "fail"] = "go_on",
) -> Plan:
    """Have the runs of ``plan`` analysed by the pipeline of ``live``, which needs not be subscribed otherwise.

    A run is opened when the pipeline is ready for it, and its ``start`` document has the id of the pipeline's run as
    ``beamloom["run"]``. Where the pipeline is not ready within ``time_limit`` seconds, the plan goes on, and the pipeline gets what it
    has missed when it is there; with ``when_late="fail"`` NotReachable is raised before the run is opened.
    """
    check_choice(when_late, ("go_on", "fail"))
    open_runs = 0
    armed_for: Msg | None = None

    def arm_and_open(msg: Msg) -> Plan:
        nonlocal armed_for
        asked = live.arm_ahead()
        told = {"url": live.url}
        ready = (yield from wait_for(asked.answer, time_limit)) and not asked.answer.cancelled()
        if ready and (run := asked.answer.result()) is not None:
            told["run"] = run
        elif when_late == "fail":
            asked.answer.cancel()
            why = asked.problem or f"it was not ready within {time_limit:g} s"
            raise NotReachable(
                f"the scan was not begun, as it cannot be analysed: {why}. Mend that, or scan without: when_late='go_on'"
            )
        else:
            asked.answer.cancel()
        armed_for = msg._replace(kwargs={**msg.kwargs, "beamloom": told})
        return (yield armed_for)

    def look_at(msg: Msg) -> tuple[Plan | None, None]:
        nonlocal open_runs
        if msg.command == "close_run":
            open_runs -= 1
        if msg.command != "open_run" or msg is armed_for:
            return None, None
        open_runs += 1
        return (arm_and_open(msg) if open_runs == 1 else None), None

    def analysed() -> Plan:
        return (yield from bpp.subs_wrapper(bpp.plan_mutator(plan, look_at), live))

    def left() -> Plan:
        live.leave()
        yield Msg("null")

    return (yield from bpp.finalize_wrapper(analysed(), left))


live_analysis_decorator = make_decorator(live_analysis_wrapper)
"""``@live_analysis_decorator(live)`` above the definition of a plan."""
