"""What words of the command line mean."""

from __future__ import annotations

from pathlib import Path

from beamloom.errors import UsageError


def words(text: str) -> list[str]:
    """``a,b`` as its names."""
    return [word.strip() for word in text.split(",") if word.strip()]


def name_and_value(word: str) -> tuple[str, str]:
    """``name=value`` as these two. Raises UsageError."""
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise UsageError(f"{word!r} is not of the form NAME=VALUE")
    return name, value


def content_of(path: Path) -> bytes:
    """The content of the file that NAME=@PATH names. Raises UsageError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
