"""What one client has been told of a tree, and what it is to be told next.

There is no queue: what a client has not been told yet is reckoned from the versions when it can be told, so that a client that is slow,
or wants to hear seldom, gets one message for all changes since its last one, and costs the same memory however far it is behind.

Every message tells the coverage. A client that follows everything is told also when nothing but the coverage has changed; one that follows
some paths, when that makes the result complete, or the run is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from beamloom.results.selection import NothingSelected, SelectionError, find, parse_path
from beamloom.results.snapshot import Snapshot
from beamloom.results.waiting import version_number

MOST_PER_SECOND = 20.0
LEAST_PER_SECOND = 0.01
MOST_PATHS = 64
"""That one client may follow."""
MOST_LISTED = 256
"""Paths in one message; where more have changed, it is told that all has."""


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client wants to be told."""

    paths: tuple[str, ...] = ()
    """JSONPaths; none: everything."""
    rate: float = MOST_PER_SECOND
    """Messages per second at most."""

    def check(self) -> Wish:
        """Itself. Raises SelectionError for a path or a rate that cannot be."""
        if len(self.paths) > MOST_PATHS:
            raise SelectionError(
                f"{len(self.paths)} paths are too many; follow at most {MOST_PATHS}, or one above them."
            )
        for path in self.paths:
            parse_path(path)
        if not self.rate >= LEAST_PER_SECOND:
            raise SelectionError(
                f"rate={self.rate} is no rate; give messages per second, from {LEAST_PER_SECOND} to {MOST_PER_SECOND:g}."
            )
        return self

    @property
    def pause(self) -> float:
        """Seconds between two messages."""
        return 1 / min(self.rate, MOST_PER_SECOND)


class Covered(msgspec.Struct, frozen=True):
    """The coverage, without its ranges."""

    complete: bool
    """Whether every event of the run is in the result."""
    over: bool
    """Whether the run has ended."""
    counts: dict[str, int | None]
    """Events that are reduced, pending, failed, lost."""


class Update(msgspec.Struct, frozen=True):
    """One message."""

    run: str | None
    version: int
    at: float
    """When that version was seen first (Unix time, s)."""
    changed: list[str]
    """Normalized paths, none within another; ``$`` is everything. Empty where only the coverage has changed."""
    coverage: Covered | None = None
    """None where nobody counts the events."""


@dataclass
class Follower:
    """One client. ``told`` is the version that it knows; None where it knows nothing."""

    wish: Wish
    told: int | None = None
    _life: tuple[str | None, str] | None = None
    """The run of the last snapshot, and the process that counted its version; the snapshot itself is not kept."""
    _places: dict[str, frozenset[str]] = field(default_factory=dict)
    """Where each path led to in it."""
    _covered: Covered | None = None

    def next_update(self, snapshot: Snapshot) -> Update | None:
        """What to tell the client of this snapshot; None where nothing that it follows has changed. It counts as told."""
        changed = self._changed(snapshot)
        covered = _covered(snapshot)
        is_news = self._is_news(covered)
        self.told, self._life = snapshot.version, (snapshot.run, snapshot.life)
        if not changed and not is_news:
            return None
        self._covered = covered
        listed = changed if len(changed) <= MOST_LISTED else ["$"]
        return Update(snapshot.run, snapshot.version, snapshot.at, listed, covered)

    def _is_news(self, covered: Covered | None) -> bool:
        """Whether the coverage is to be told by itself."""
        before = self._covered
        if covered is None or not self.wish.paths or before is None:
            return covered is not None and covered != before
        return (covered.complete, covered.over) != (before.complete, before.over)

    def _changed(self, snapshot: Snapshot) -> list[str]:
        told, former = self.told, self._places
        anew = told is None or told > snapshot.version
        if self._life is not None and self._life != (snapshot.run, snapshot.life):
            anew = True
        since = -1 if anew or told is None else told
        self._places = {}
        if not self.wish.paths:
            return snapshot.changed_since(since)
        found: dict[str, None] = {}
        for path in self.wish.paths:
            places = _places(snapshot, path)
            self._places[path] = frozenset(places)
            gone = former.get(path, frozenset()) - places.keys() if since >= 0 else frozenset()
            for steps in places.values():
                found |= dict.fromkeys(snapshot.changed_since(since, steps))
            found |= dict.fromkeys(sorted(gone))
        return list(found)


def _covered(snapshot: Snapshot) -> Covered | None:
    coverage = snapshot.coverage
    if coverage is None or coverage.run is None:
        return None
    return Covered(coverage.complete, coverage.over, coverage.counts)


def _places(snapshot: Snapshot, path: str) -> dict[str, tuple[str, ...]]:
    """Where the path leads to, by normalized path."""
    try:
        matches = find(snapshot.publish or {}, path)
    except NothingSelected:
        return {}
    return {"$" + "".join(match.steps): match.steps for match in matches}


def wish_of(paths: Sequence[str], query: Mapping[str, str]) -> Wish:
    """The wish in the query of an address. Raises SelectionError."""
    try:
        rate = float(query.get("rate", MOST_PER_SECOND))
    except ValueError as error:
        raise SelectionError(f"rate={query['rate'][:40]} is no number; give messages per second.") from error
    return Wish(tuple(paths), rate).check()


def wish_in(text: str | bytes) -> Wish:
    """The wish that a client sends later, as JSON. Raises SelectionError."""
    try:
        return msgspec.json.decode(text, type=Wish).check()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SelectionError(
            f'the message is no wish ({error}); send {{"paths": ["$.map"], "rate": 5}}, each of them or none.'
        ) from error


def told_of(query: Mapping[str, str], last_event: str | None = None) -> int | None:
    """The version after which a client wants to hear, from ``?since=`` or the id of its last event. Raises SelectionError."""
    text = last_event or query.get("since")
    return None if text is None else version_number("since", text)


def as_text(message: Any) -> str:
    """A message as JSON."""
    return msgspec.json.encode(message).decode()
