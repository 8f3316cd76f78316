"""JSON headers of which each is the one before, but for numbers that count up by one.

To decode a header takes longer than to receive it. In a series that runs as it should, all headers can be written beforehand: two that
were decoded tell where their numbers stand, and what comes behind them is compared with what is to be expected, many headers in one step.

Invariant: a text that is expected decodes to the header that is expected. Each field that counts up is one number that stands by itself,
and there are as many numbers that count up as there are fields; so none of them can be anything else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

_NUMBER = re.compile(rb"(?<=[:\s])(0|[1-9][0-9]{0,17})(?=[,}\s])")
_BETWEEN = b"\0"
"""Stands in no JSON."""


class CountingHeads:
    """What the headers behind two others are to be."""

    def __init__(self, text: bytes, numbers: Sequence[int]) -> None:
        """``text`` is a format of the header, ``numbers`` what it held in the header that came last."""
        self._text = text + _BETWEEN
        self._numbers = list(numbers)

    @classmethod
    def between(cls, before: bytes, after: bytes, fields: int) -> CountingHeads | None:
        """Of two headers that follow each other, in which so many fields have counted up by one; None where that does not show."""
        first, second = _NUMBER.split(before), _NUMBER.split(after)
        if len(first) != len(second) or first[::2] != second[::2]:
            return None
        text, numbers = [], []
        for place, (one, other) in enumerate(zip(first, second, strict=True)):
            if one == other:
                text.append(other.replace(b"%", b"%%"))
            elif place % 2 and int(other) == int(one) + 1:
                text.append(b"%d")
                numbers.append(int(other))
            else:
                return None
        return cls(b"".join(text), numbers) if len(numbers) == fields > 0 else None

    def follow(self, heads: Sequence[bytes]) -> bool:
        """Whether these are the headers that come next; the ones behind them are to be expected from then on."""
        count = len(heads)
        columns = [range(number + 1, number + 1 + count) for number in self._numbers]
        numbers = tuple(chain.from_iterable(zip(*columns, strict=True)))
        if self._text * count % numbers != _BETWEEN.join((*heads, b"")):
            return False
        self._numbers = [number + count for number in self._numbers]
        return True
