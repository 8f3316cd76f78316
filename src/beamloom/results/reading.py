"""What a path selects in a snapshot, and the tag by which a client knows whether it has that already.

A tag stands for where the selected parts are and at which version each last changed: it stays the same while other parts of the tree
change. It is weak, because one content may be sent in several codings.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from beamloom.errors import UserError
from beamloom.results.encodings import Encoding, NotAcceptable, is_changing
from beamloom.results.selection import Match, NothingSelected, find
from beamloom.results.snapshot import Changing, Snapshot, Unreadable

logger = logging.getLogger(__name__)

T = TypeVar("T")

READ_ATTEMPTS = 5
"""How often a tree that changes while it is read is read before that is told."""


@dataclass(frozen=True)
class Question:
    """What a client wants to have."""

    path: str | None
    """None: the whole tree, as it is."""
    slice_text: str | None = None


@dataclass(frozen=True)
class Selected:
    """What a path selects in one snapshot."""

    snapshot: Snapshot
    value: Any
    """A list of all matches, or the tree itself."""
    version: int
    """At which any of it last changed."""
    digest: str
    """Different for whatever is different in places or versions."""

    def tag(self, encoding: Encoding) -> str:
        """The entity tag of this in one encoding."""
        return f'W/"{self.digest}-{encoding.name}"'


def selected(snapshot: Snapshot, question: Question) -> Selected:
    """What the question selects. Raises SelectionError, NothingSelected, Changing."""
    publish = snapshot.publish
    if publish is None:
        raise NothingSelected(
            "the reducer publishes nothing yet; start a run, or set self.publish in the reducer class."
        )
    if question.path is None:
        return _selected(snapshot, question, publish, [Match(publish, ())])
    path = question.path
    matches = unchanging(snapshot, lambda: find(publish, path, question.slice_text))
    return _selected(snapshot, question, [match.value for match in matches], matches)


def _selected(snapshot: Snapshot, question: Question, value: Any, matches: list[Match]) -> Selected:
    digest = hashlib.blake2b(digest_size=12)
    digest.update(f"{snapshot.life}/{snapshot.run}/{question!r}".encode("utf-8", "backslashreplace"))
    newest = 0
    for match in matches:
        version = snapshot.version_of(match.steps)
        newest = max(newest, version)
        digest.update(f"{''.join(match.steps)}={version};".encode("utf-8", "backslashreplace"))
    return Selected(snapshot, value, newest, digest.hexdigest())


def encoded(selection: Selected, encodings: list[Encoding]) -> tuple[Encoding, bytes]:
    """In the first encoding that can hold it. Raises NotAcceptable with what kept it out of the best, Changing."""
    return unchanging(selection.snapshot, lambda: _encoded(selection.value, encodings))


def _encoded(value: Any, encodings: list[Encoding]) -> tuple[Encoding, bytes]:
    first_error: NotAcceptable | None = None
    for encoding in encodings:
        try:
            return encoding, encoding.encode(value)
        except NotAcceptable as error:
            first_error = first_error or error
    raise first_error or NotAcceptable("there is no form to send results in; accept application/json.")


@contextlib.contextmanager
def said_in_words() -> Iterator[None]:
    """Whatever code of the analysis raises while its tree is read becomes Unreadable, and is in the log; refusals stay as they are."""
    try:
        yield
    except (UserError, HTTPException, ClientDisconnect):
        raise
    except Exception as error:
        # Properties and copying methods of whatever the analysis publishes may raise anything.
        logger.warning("The publish tree cannot be read.", exc_info=True)
        raise Unreadable(
            f"the reducer's tree cannot be read ({type(error).__name__}: {error}); correct what the reducer class publishes, "
            "the log of the reducer shows where it failed."
        ) from error


def unchanging(snapshot: Snapshot, read: Callable[[], T]) -> T:
    """What ``read`` returns, under the lock of the analysis where there is one; it is tried again where the tree changes meanwhile."""
    for _ in range(READ_ATTEMPTS):
        try:
            with snapshot.lock if snapshot.lock is not None else contextlib.nullcontext():
                return read()
        except RuntimeError as error:
            if not is_changing(error):
                raise
    raise Changing(
        "the tree changed each time while it was read; ask again, select a smaller part, or give the reducer a publish_rlock."
    )
