"""What was found, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from beamloom.checking.findings import Findings

WIDTH = 100


def lines(found: Findings) -> Iterator[str]:
    """All of it: problems first."""
    yield f"{found.worker} and {found.reducer}, {found.events:,} events"
    for sentence in found.tried:
        yield from textwrap.wrap(sentence, WIDTH, initial_indent="  tried: ", subsequent_indent="         ")
    if found.plain is not None:
        yield ""
        for hook in found.plain.hooks.values():
            told = hook.seconds
            yield f"  {hook.name:<44} {1e6 * told.mean:>10,.0f} us mean {1e6 * told.p99:>10,.0f} us p99"
        yield f"  {'events/s of one worker and reducer, one after the other':<44} {found.plain.rate:>7,.0f}"
    yield ""
    for one in sorted(found.found, key=lambda one: one.kind != "problem"):
        head = f"{one.kind} ({one.what}): "
        yield from textwrap.wrap(head + one.sentence, WIDTH, subsequent_indent="  ")
    if not found.problems:
        yield "No problem found: the result does not depend on the order of events or the number of workers."
