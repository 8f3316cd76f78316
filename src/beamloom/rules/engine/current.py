"""The engine that rules are pushed to when none is named.

That is the one of the innermost ``using`` block, or else one for this process: its folder is ``BEAMLOOM_RULES``, or the first of the user's
folders for it that no other process works on. What a process that was killed has left there goes on.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from beamloom.rules.engine.engine import RuleEngine
from beamloom.rules.engine.lock import FolderInUse

VARIABLE: Final = "BEAMLOOM_RULES"
MOST: Final = 64
_turn = threading.RLock()
_stack: list[RuleEngine] = []
_own: list[RuleEngine] = []


def current() -> RuleEngine:
    """The engine to push to. Raises LedgerError."""
    with _turn:
        if _stack:
            return _stack[-1]
        if not _own:
            _own.append(_first_free())
            atexit.register(_own[0].close)
        return _own[0]


@contextlib.contextmanager
def using(engine: RuleEngine) -> Iterator[RuleEngine]:
    """Within the block rules are pushed to ``engine``."""
    with _turn:
        _stack.append(engine)
    try:
        yield engine
    finally:
        with _turn:
            _stack.remove(engine)


def _first_free() -> RuleEngine:
    named = os.environ.get(VARIABLE)
    if named:
        return RuleEngine(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    base = Path(state) / "beamloom" / "rules"
    for number in range(MOST - 1):
        with contextlib.suppress(FolderInUse):
            return RuleEngine(base / str(number))
    return RuleEngine(base / str(MOST - 1))
