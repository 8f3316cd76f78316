"""Text that other processes, files and people can be given, whatever it was made of.

Python has the names of files that are no Unicode as text with lone surrogates, which no encoding takes: they end in messages of errors.
"""

from __future__ import annotations


def encodable(text: str) -> str:
    """The text, with what UTF-8 cannot hold in its escaped form."""
    return text.encode("utf-8", "backslashreplace").decode()
