"""What was found, for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from beamloom.benching.capacity import Capacity, sentences
from beamloom.benching.costs import LiveRun
from beamloom.benching.findings import Findings, advice
from beamloom.benching.plain_loop import PlainLoop

WIDTH = 80
MOST_STAGES = 2
"""So many stages of a process fit into a line."""


def lines(found: Findings) -> Iterator[str]:
    """All of it."""
    streams = ", ".join(f"{stream} {_size(nbytes)}" for stream, nbytes in found.streams.items())
    many = "s" if len(found.streams) > 1 else ""
    yield from _wrapped(f"{found.events:,} events of {len(found.streams)} stream{many} ({streams})")
    yield ""
    yield from _hooks(found.plain)
    if found.live is None:
        return
    yield ""
    yield from _live(found.live)
    yield ""
    yield f"measured               {found.live.rate:>12,.0f} events/s"
    if found.bottleneck is not None:
        yield f"largest by the costs   {found.bottleneck.rate:>12,.0f} events/s"
    more = found.one_more
    if more is not None:
        tried = "" if more.measured is None else f", measured {more.measured:,.0f}"
        yield f"with {more.workers:>2} workers        {more.rate:>12,.0f} events/s predicted{tried}"
    yield ""
    for sentence in [*advice(found), *(f"Note: {remark}." for remark in found.remarks)]:
        yield from _wrapped(sentence)


def capacity_lines(found: Capacity) -> Iterator[str]:
    """What a pipeline could sustain."""
    yield from _live(found.probe)
    yield ""
    tried = any(one.measured is not None for one in found.forecasts)
    yield f"{'workers':>8}{'processors':>12}{'events/s':>12}{'measured' if tried else '':>12}  ends first"
    for one in found.forecasts:
        measured = "" if one.measured is None else f"{one.measured:,.0f}"
        analysis = f" ({100 * one.user_share:.0f} % of it in your hooks)" if one.user_share >= 0.005 else ""
        yield f"{one.workers:>8}{one.cores:>12}{one.rate:>12,.0f}{measured:>12}  {one.ends_first}{analysis}"
    yield ""
    for sentence in [*sentences(found), *(f"Note: {remark}." for remark in found.remarks)]:
        yield from _wrapped(sentence)


def _hooks(plain: PlainLoop) -> Iterator[str]:
    yield f"{'hooks in a plain loop':<36}{'per event':>10}{'mean':>11}{'p50':>11}{'p99':>11}"
    yield f"{'read the recording':<36}{1:>10.2f}{_time(plain.seconds_read):>11}"
    for what, hook in plain.hooks.items():
        name = f"{hook.name}{' (part of the hooks)' if what == 'parse' else ''}"
        told = hook.seconds
        times = "".join(f"{_time(seconds):>11}" for seconds in (told.mean, told.p50, told.p99))
        yield f"{name[:35]:<36}{hook.per_event:>10.2f}{times}"
    yield f"{'events/s in that loop':<36}{plain.rate:>10,.0f}      a result has {_size(plain.result_bytes)}"
    if plain.failed:
        yield from _wrapped(f"{plain.failed} calls failed, the first: {plain.error}")


def _live(run: LiveRun) -> Iterator[str]:
    title = f"{run.events:,} events in {run.seconds:.2f} s"
    yield f"{title:<24}{'us/event':>9}{'busy':>6}{'cpu':>6}  where the time goes"
    for process in sorted(run.processes, key=lambda one: ROLES.index(one.role)):
        watched = max(process.seconds, 1e-9)
        spent = {name: part for name, part in process.stages.items() if name != "waiting"}
        whole = max(sum(spent.values()), 1e-9)
        shares = sorted(((part / whole, name) for name, part in spent.items()), reverse=True)
        shown = [f"{name} {100 * share:.0f}%" for share, name in shares if share >= 0.05]
        yield (
            f"{process.name[:23]:<24}{1e6 * process.busy / run.events:>9.1f}"
            f"{100 * process.busy / watched:>5.0f}%{100 * process.cpu / watched:>5.0f}%  {', '.join(shown[:MOST_STAGES])}"
        )


ROLES = ("controller", "ingester", "worker", "reducer")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _time(seconds: float) -> str:
    for factor, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def _size(nbytes: float) -> str:
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if nbytes >= factor:
            return f"{nbytes / factor:.3g} {unit}"
    return f"{nbytes:.0f} B"
