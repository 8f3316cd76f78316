"""The wire contract of encoded results: msgpack extension types and marks.

A list whose first element is an extension of type MARK is not a list but what the mark says, made of the other elements.
So nested containers need no nested messages, and a decoder sees them innermost first.

Numbers are little endian. These values are stored in journals: never give one another meaning.
"""

from __future__ import annotations

MARK = 1
"""One byte, the kind of container below; for an instance of a class then ``module:qualified name`` in UTF-8."""
INTEGER = 2
"""Integer outside of 64 bits: signed, little endian, least number of bytes."""
COMPLEX = 3
"""Real and imaginary part, float64."""
DATETIME = 4
"""ISO 8601 text after one digit, its fold; a zone by name follows an ``@``."""
DATE = 5
"""ISO 8601 text."""
TIME = 6
"""ISO 8601 text after one digit, its fold; a zone by name follows an ``@``."""
TIMEDELTA = 7
"""Days, seconds, microseconds, int32."""
PATH = 8
"""One byte, the kind of path below, and the path in UTF-8."""
NUMPY_SCALAR = 9
"""Length of the data type's text (uint8), that text, the value's bytes."""
NUMPY_TEXT = 10
"""``numpy.str_`` in UTF-8."""
NUMPY_BYTES = 11
"""``numpy.bytes_``."""
ARRAY = 12
"""Array header and the array's bytes (``_arrays``)."""
ARRAY_IN_BUFFER = 13
"""Array header and the index (uint32) of the buffer that holds the array's bytes."""
PICKLE = 14
"""A pickle, protocol 5."""

TUPLE = b"t"
SET = b"s"
FROZENSET = b"f"
DATACLASS = b"d"
"""A dictionary of the fields."""
PYDANTIC = b"p"
"""Field values, extra values or None, names of the fields that were set, private values or None."""
STRUCT = b"m"
"""A dictionary of the fields of a msgspec struct."""
NAMED_TUPLE = b"n"
"""The elements."""
ENUM = b"e"
"""The member's name."""
OWN_STATE = b"o"
"""What the method ``wire_state`` of the instance gives, and ``from_wire_state`` of its class takes."""
FLAG = b"g"
"""The value of an enum.Flag, which need not have a name."""

PURE_POSIX, PURE_WINDOWS, POSIX, WINDOWS = b"p", b"w", b"P", b"W"
"""Kinds of path."""

INLINE_LIMIT = 64 * 1024
"""Arrays of at least this many bytes travel out of band."""
