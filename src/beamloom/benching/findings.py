"""What was found out about a pipeline, and the sentences that follow from it."""

from __future__ import annotations

import msgspec

from beamloom.benching.costs import MACHINE, WORKERS, Limit, LiveRun, UserCosts, limits
from beamloom.benching.plain_loop import PlainLoop

MUCH = 0.5
"""From this share of the bottleneck's time on the analysis is the limit."""
KEPT = 0.8
"""A prediction of which less than this part came true was wrong."""
WORTH_IT = 1.05
"""A rate that is less than so many times another one is no gain."""


class Prediction(msgspec.Struct, frozen=True):
    """What one more worker would give."""

    workers: int
    rate: float
    """Events per second, by the measured costs."""
    bottleneck: str
    measured: float | None = None
    """Events per second, when it was tried."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured."""

    version: str
    events: int
    """Of one pass over the recording."""
    streams: dict[str, float]
    """Mean bytes of a packet of each stream."""
    plain: PlainLoop
    live: LiveRun | None = None
    limits: list[Limit] = []
    """With the workers that there were, the lowest first."""
    without_analysis: float | None = None
    """Events per second that the same processes would carry if the analysis took no time."""
    one_more: Prediction | None = None
    remarks: list[str] = []

    @property
    def bottleneck(self) -> Limit | None:
        """What has no time left first."""
        return self.limits[0] if self.limits else None

    @property
    def analysis_is_the_limit(self) -> bool | None:
        """Whether the analysis, and not the transport, bounds the rate; None where no pipeline was run."""
        return None if self.bottleneck is None else self.bottleneck.user_share >= MUCH

    def to_json(self) -> bytes:
        """All of it as JSON."""
        more = {
            "rate": None if self.live is None else self.live.rate,
            "plain_loop_rate": self.plain.rate,
            "largest_rate": None if self.bottleneck is None else self.bottleneck.rate,
            "bottleneck": None if self.bottleneck is None else self.bottleneck.what,
            "analysis_is_the_limit": self.analysis_is_the_limit,
        }
        return msgspec.json.format(msgspec.json.encode({**more, **msgspec.to_builtins(self)}), indent=2)


def user_costs(plain: PlainLoop) -> UserCosts:
    """What the analysis takes by itself, less the time in which it had no processor."""
    had = 1.0 - plain.queued
    return UserCosts(had * plain.seconds("worker"), had * plain.seconds("reducer"))


def predict(run: LiveRun, plain: PlainLoop) -> Prediction:
    """What one more worker would give: the measured rate grows as the lowest limit does."""
    user = user_costs(plain)
    now, then = limits(run, user, run.workers)[0], limits(run, user, run.workers + 1)[0]
    return Prediction(run.workers + 1, run.rate * then.rate / now.rate, then.what)


def advice(findings: Findings) -> list[str]:
    """What bounds the rate, and what may be done about it, as sentences."""
    limit, live, more = findings.bottleneck, findings.live, findings.one_more
    if limit is None or live is None or more is None:
        return []
    share = f"{100 * limit.user_share:.0f} %"
    said = [_who(limit, live)]
    if findings.analysis_is_the_limit:
        said.append(
            f"The analysis is the limit, not the transport: {share} of that time is spent in your hooks. "
            f"Without them the same processes would carry about {findings.without_analysis or 0:,.0f} events/s."
        )
    else:
        said.append(f"The transport is the limit, not the analysis: your hooks take {share} of that time.")
    gain = more.rate / live.rate
    if gain >= WORTH_IT:
        said.append(f"One more worker gives {100 * (gain - 1):.0f} % more by these costs.")
    else:
        said.append(
            f"One more worker gives nothing here: the limit with {more.workers} is {_name(more.bottleneck)}."
        )
    if more.measured is not None and more.measured < KEPT * more.rate:
        said.append(
            f"When it was tried there were {more.measured:,.0f} events/s, not {more.rate:,.0f}: measure again while nothing else "
            "is at work, and trust what was tried."
        )
    return [*said, _what_to_do(limit, live, analysis=bool(findings.analysis_is_the_limit))]


def _name(what: str) -> str:
    return f"the {what}" if what in (MACHINE, WORKERS) else what


def _who(limit: Limit, live: LiveRun) -> str:
    if limit.what == MACHINE:
        cores = "its one processor" if live.cores == 1 else f"all {live.cores} processors"
        return f"The bottleneck is this machine: at the largest rate {cores} are at work all the time."
    if limit.what == WORKERS:
        return (
            f"The bottleneck is the {live.workers} workers: at the largest rate none of them has time left."
        )
    return f"The bottleneck is {limit.what}: at the largest rate its loop has no time left."


def _what_to_do(limit: Limit, live: LiveRun, *, analysis: bool) -> str:
    if limit.what == MACHINE:
        if analysis:
            return "To do: make the slowest hook above faster, or give the workers another machine or more processors."
        ingesters = sum(one.role == "ingester" for one in live.processes)
        if ingesters > live.cores:
            return (
                f"To do: there are {ingesters} ingesters, more than processors; let small streams share one, as with "
                "'ingester: field' at each of them in the pipeline file."
            )
        return "To do: batch events in the trigger map, or give the processes another machine or more processors."
    if limit.what == WORKERS:
        return "To do: add workers as long as processors are free, and look at the slowest hook above."
    if limit.user_share > 0:
        return (
            "To do: reduce less for each event: return less from process_event, let workers merge results "
            "(combine = True), or do in the timer what need not be done for each result."
        )
    return "To do: batch events in the trigger map, or split the stream over several ingesters."
