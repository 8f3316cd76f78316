"""What the exit status of a process says to whoever started it."""

from __future__ import annotations

REFUSED = 2
"""A command that cannot be done as asked; to start it again would not change that."""

RETIRED = 79
"""A process that was asked to leave for good: it is not to be started again."""

RENEWED = 75
"""A process that wants to be started anew, with nothing wrong (EX_TEMPFAIL of sysexits.h)."""
