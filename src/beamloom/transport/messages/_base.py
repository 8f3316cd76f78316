"""What all messages have in common."""

from __future__ import annotations

import msgspec


class Message(msgspec.Struct, tag_field="type", tag=str.lower):
    """Base of all messages; its subclass' name is the tag on the wire."""
