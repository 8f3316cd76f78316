"""Ids of groups and datasets.

An id is made of the path alone, so that a client that keeps one reads the newest version of what is there, also after the reducer
was started anew. It has the form of HSDS's own ids, 32 hexadecimal digits: the first half says which state of the tree is meant (the
newest, or one version that is kept still), the second half is the path. A root's second half is its first half with each digit
turned by 8, by which clients know a root.
"""

from __future__ import annotations

import hashlib
import re

NEWEST = hashlib.sha256(b"beamloom: the newest version").hexdigest()[:16]
"""First half of the ids whose objects change with the tree."""

_ID = re.compile(r"([gd])-([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{6})-([0-9a-f]{6})")
LETTERS = {"groups": "g", "datasets": "d"}
"""The first letter of an id, by collection."""


def tag_of_version(run: str | None, version: int) -> str:
    """First half of the ids of one version of one run."""
    return hashlib.sha256(f"{run}/{version}".encode()).hexdigest()[:16]


def tag_of_run(run: str | None, version: int) -> str:
    """First half of the ids of the last version of a run that has ended."""
    return hashlib.sha256(f"the end of {run}/{version}".encode()).hexdigest()[:16]


def path_key(path: tuple[str, ...]) -> str:
    """Second half of the ids of an object that is not the root."""
    return hashlib.sha256("/".join(path).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def object_id(collection: str, tag: str, key: str) -> str:
    """The id of an object; an empty key is the root."""
    digits = tag + (key or _turned(tag))
    parts = digits[:8], digits[8:16], digits[16:20], digits[20:26], digits[26:]
    return "-".join((LETTERS[collection], *parts))


def parse_id(text: str) -> tuple[str, str, str] | None:
    """Letter, tag and key (empty for a root) of an id; None for what is no id."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    digits = "".join(match.groups()[1:])
    tag, key = digits[:16], digits[16:]
    return match[1], tag, "" if key == _turned(tag) else key


def _turned(tag: str) -> str:
    return "".join(f"{(int(digit, 16) + 8) % 16:x}" for digit in tag)
