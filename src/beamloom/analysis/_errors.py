"""What goes wrong with the user's classes: at loading, and in their hooks."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path
from types import TracebackType

import msgspec

from beamloom.errors import UsageError, UserError
from beamloom.texts import encodable

LONGEST_MESSAGE = 2_000
LONGEST_TRACEBACK = 20_000
"""Characters of an error that travel; an error text may hold whole arrays."""

_PACKAGE = Path(__file__).resolve().parent.parent
_USER_ROOMS = ("apps", "rules")


class AnalysisError(UserError):
    """The user's class does not keep to what its hooks promise."""


class AnalysisNotFound(AnalysisError, UsageError):
    """There is no such module, no such class, or it is no analysis."""


class AnalysisImportError(AnalysisError, ImportError):
    """The user's module was found and failed while it was imported; the text ends with its traceback."""


class ErrorCapsule(msgspec.Struct, frozen=True):
    """An exception of the user's code, as it travels to whoever shows it."""

    where: str
    """The hook, as ``FluorescenceWorker.process_event``."""
    event_number: int | None
    """None for a hook that is not about one event."""
    error_type: str
    message: str
    traceback: str
    """Begins with the first line of the user's code."""

    @classmethod
    def from_exception(
        cls, where: str, error: BaseException, event_number: int | None = None
    ) -> ErrorCapsule:
        """The capsule of an exception that was just caught."""
        return cls(
            where=where,
            event_number=event_number,
            error_type=type(error).__qualname__,
            message=encodable(_shortened(text_of(error), LONGEST_MESSAGE)),
            traceback=encodable(_shortened(user_traceback(error), LONGEST_TRACEBACK)),
        )

    def __str__(self) -> str:
        event = "" if self.event_number is None else f" at event {self.event_number}"
        return f"{self.where} failed{event}: {self.error_type}: {self.message}"


def user_traceback(error: BaseException) -> str:
    """The traceback as text, from the first frame on that is not ours."""
    start = error.__traceback__
    while start is not None and _is_ours(start):
        start = start.tb_next
    if start is None and not isinstance(error, SyntaxError):
        start = error.__traceback__
    shown = traceback.TracebackException(type(error), error, start)
    return "".join(shown.format())


def _is_ours(frame: TracebackType) -> bool:
    path = frame.tb_frame.f_code.co_filename
    if path.startswith("<frozen importlib") or path == importlib.__file__:
        return True
    try:
        room = Path(path).relative_to(_PACKAGE).parts[0]
    except ValueError:
        return False
    return room not in _USER_ROOMS


def text_of(error: BaseException) -> str:
    """What an exception says, which is the user's code, too."""
    try:
        return str(error)
    # the text of an exception is the user's code too, and may fail in any way
    except Exception as failure:  # noqa: BLE001
        return f"(its text cannot be shown: {type(failure).__qualname__})"


def _shortened(text: str, longest: int) -> str:
    """The beginning and the end of a text that is too long: a traceback says what happened at its end."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
