"""Words of the command line that are lists."""

from __future__ import annotations


def words(text: str) -> list[str]:
    """``a,b`` as its names."""
    return [word.strip() for word in text.split(",") if word.strip()]
