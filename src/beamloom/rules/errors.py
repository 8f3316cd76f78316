"""What can be wrong with a rule, as sentences for who wrote it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

from beamloom import TimedOut, UserError


class RuleError(UserError):
    """All errors of this package are of this kind."""


class RuleRefused(RuleError):
    """A rule that cannot be run as it is written; nothing was started."""

    exit_status: ClassVar[int] = 2


class RecipeRefused(RuleRefused):
    """A recipe that cannot be run as it is written; the text names the line."""


class LedgerError(RuleError):
    """The ledger cannot be read or written."""


class RuleFailed(RuleError):
    """A rule came to its end without having worked off all of its frames."""


class RuleTimedOut(RuleError, TimedOut):
    """What was waited for did not come in time; the rule goes on."""


class NoNewTasks(Exception):
    """Raised by ``get_new_tasks`` of a rule: there is nothing to release now."""


def closest(wrong: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)``, or nothing where no known word is close."""
    close = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
