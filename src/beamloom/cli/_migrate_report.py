"""What the migrate command tells people: replays first, then what to look at, by file and line, then what is shorter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from beamloom.migrating import Migration, Replayed

TITLES: Final = {
    "problem": "does not work",
    "attention": "needs your attention",
    "deprecated": "works, and is deprecated",
    "works": "works as it is",
    "note": "worth knowing",
}


def report(found: Migration) -> Iterator[str]:
    """Lines."""
    yield f"{found.path}: {_list('worker', found.workers)}, {_list('reducer', found.reducers)}"
    for replayed in found.replays:
        yield from _replay(replayed)
    # What is in the patch is told there.
    shortened = {(f"{one.file}:{one.line}", one.kind) for one in found.changes}
    for level, title in TITLES.items():
        remarks = [
            one for one in found.remarks if one.level == level and (one.place, one.what) not in shortened
        ]
        if remarks:
            yield ""
            yield f"{title}:"
        seen: set[tuple[str, str]] = set()
        for one in remarks:
            # What is in many places is explained once.
            again = (one.what, one.sentence) in seen
            seen.add((one.what, one.sentence))
            place = f"{one.place}: " if one.file else ""
            yield f"  {place}{one.what}: {'as above' if again else one.sentence}"
    if found.changes:
        yield ""
        yield "shorter, with the same results in all replays (--patch FILE, --apply):"
        yield from (f"  {one.file}:{one.line}: {one.sentence}" for one in found.changes)
    if found.dropped:
        yield ""
        yield "shorter, and not in the patch: no replay showed that it gives the same:"
        yield from (f"  {one.file}:{one.line}: {one.sentence}" for one in found.dropped)
    if found.pipeline:
        yield ""
        there = "pipeline.yaml" in found.files
        yield f"pipeline.yaml, of what the deployment says{' (in the patch)' if there else '; there is one already'}:"
        yield from (f"  {line}" for line in found.pipeline.splitlines())
    yield ""
    count = len(found.problems)
    yield f"{count} {'problem' if count == 1 else 'problems'}" if count else "all that was tried works"


def _replay(one: Replayed) -> Iterator[str]:
    asked = one.asked
    what = ", ".join(asked.files) or f"the source {asked.source}"
    yield f"  {asked.worker} and {asked.reducer} on {what}" + (
        f" with {asked.parameters}" if asked.parameters else ""
    )
    if one.events:
        yield f"    {one.events} events in {one.seconds:.2f} s: {one.reduced} reduced, {one.failed} failed, {one.lost} lost"
    if asked.expected is not None:
        same = {
            None: f"{asked.expected} has nothing of what is published: not compared",
            True: f"the same as in {asked.expected}",
            False: f"not the same as in {asked.expected}",
        }
        yield f"    {same[None if one.differences is None else not one.differences]}"


def _list(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return f"no {what}"
    return f"{what if len(names) == 1 else f'{what}s'} {', '.join(names)}"
