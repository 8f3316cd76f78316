"""What can happen to messages on their way, drawn at random from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final


class Harm(StrEnum):
    """What happens to one item."""

    DROP = "drop"
    """One of its messages does not come."""
    DUPLICATE = "duplicate"
    """It comes twice, one right behind the other."""
    REORDER = "reorder"
    """It comes behind the next."""
    TRUNCATE = "truncate"
    """One of its messages breaks off, in a frame or between two."""
    DAMAGE = "damage"
    """Some of its bytes are others."""


Group = list[list[bytes]]
"""The messages of one item."""

_STRETCH: Final = 12
"""Bytes that are damaged together. As many as this never spell another number by chance, which no reader could tell."""


def harm_some(
    groups: Sequence[Group], share: float, harms: Sequence[Harm], spared_bytes: int, source: random.Random
) -> tuple[list[list[bytes]], set[int], dict[int, Harm]]:
    """All messages with a share of the items harmed; the items that must arrive whole all the same; and what was done to which."""
    sent: list[list[bytes]] = []
    done: dict[int, Harm] = {}
    held: Group = []
    for index, group in enumerate(groups):
        harm = source.choice(harms) if harms and not held and source.random() < share else None
        if harm is Harm.REORDER and index == len(groups) - 1:
            harm = None
        if harm is not None:
            done[index] = harm
        match harm:
            case Harm.REORDER:
                held = group
                continue
            case Harm.DUPLICATE:
                sent += group + group
            case Harm.DROP:
                left_out = source.randrange(len(group))
                sent += [message for place, message in enumerate(group) if place != left_out]
            case Harm.TRUNCATE | Harm.DAMAGE:
                place = source.randrange(len(group))
                spoil = truncate if harm is Harm.TRUNCATE else damage
                sent += [
                    spoil(message, spared_bytes, source) if at == place else message
                    for at, message in enumerate(group)
                ]
            case _:
                sent += group
        sent += held
        held = []
    whole = {index for index in range(len(groups)) if done.get(index) in (None, Harm.DUPLICATE)}
    return sent, whole, done


def truncate(message: Sequence[bytes], spared_bytes: int, source: random.Random) -> list[bytes]:
    """The message without its end."""
    frames = list(message)
    if len(frames) > 1 and source.random() < 0.5:
        return frames[: source.randrange(1, len(frames))]
    at = source.randrange(len(frames))
    frames[at] = frames[at][: source.randrange(min(spared_bytes, len(frames[at])), len(frames[at]) or 1)]
    return frames


def damage(message: Sequence[bytes], spared_bytes: int, source: random.Random) -> list[bytes]:
    """The message with a stretch of one frame overwritten by bytes that are no ASCII."""
    frames = list(message)
    at = source.randrange(len(frames))
    frame = bytearray(frames[at])
    first = source.randrange(spared_bytes, max(len(frame) - _STRETCH, spared_bytes + 1))
    for place in range(first, min(first + _STRETCH, len(frame))):
        frame[place] = source.randrange(128, 256)
    frames[at] = bytes(frame)
    return frames


# ---- anything at all --------------------------------------------------------------------------------------------------------


def anything(messages: Sequence[Sequence[bytes]], count: int, source: random.Random) -> list[list[bytes]]:
    """``count`` messages such as no device would send, made of those that one did send; a good one in between now and then."""
    made: list[list[bytes]] = []
    while len(made) < count:
        message = list(source.choice(messages))
        if source.random() < 0.2:
            made.append(message)
        elif source.random() < 0.1:
            # A device that starts again in the middle.
            first = source.randrange(len(messages))
            made += [list(each) for each in messages[first : first + source.randrange(1, 6)]]
        else:
            for _ in range(source.randrange(1, 3)):
                message = source.choice(_DISTORTIONS)(message, messages, source)
            made.append(message or [b""])
    return made[:count]


def _flip_bits(
    message: list[bytes], messages: Sequence[Sequence[bytes]], source: random.Random
) -> list[bytes]:
    at = source.randrange(len(message))
    frame = bytearray(message[at])
    for _ in range(min(len(frame), source.randrange(1, 5))):
        frame[source.randrange(min(len(frame), 400))] ^= 1 << source.randrange(8)
    return [*message[:at], bytes(frame), *message[at + 1 :]]


def _change_digits(
    message: list[bytes], messages: Sequence[Sequence[bytes]], source: random.Random
) -> list[bytes]:
    """Numbers that are others: larger than any, negative, no longer whole."""
    at = source.randrange(len(message))
    frame = bytearray(message[at][:4096])
    digits = [place for place, octet in enumerate(frame) if 48 <= octet <= 57]
    if digits:
        place = source.choice(digits)
        frame[place : place + 1] = source.choice(
            (b"7", b"-1", b"99999999999999999999", b"1.5", b"null", b"1e400")
        )
    return [*message[:at], bytes(frame) + message[at][4096:], *message[at + 1 :]]


def _cut(message: list[bytes], messages: Sequence[Sequence[bytes]], source: random.Random) -> list[bytes]:
    return truncate(message, 0, source)


def _overwrite(
    message: list[bytes], messages: Sequence[Sequence[bytes]], source: random.Random
) -> list[bytes]:
    return damage(message, 0, source)


def _splice(message: list[bytes], messages: Sequence[Sequence[bytes]], source: random.Random) -> list[bytes]:
    """The begin of one and the end of another."""
    other = list(source.choice(messages))
    if source.random() < 0.5:
        return message[: source.randrange(1, len(message) + 1)] + other[source.randrange(len(other)) :]
    first, second = message[0], other[-1]
    return [
        first[: source.randrange(len(first) + 1)] + second[source.randrange(len(second) + 1) :],
        *message[1:],
    ]


def _shuffle(message: list[bytes], messages: Sequence[Sequence[bytes]], source: random.Random) -> list[bytes]:
    return source.sample(message, len(message))


def _noise(message: list[bytes], messages: Sequence[Sequence[bytes]], source: random.Random) -> list[bytes]:
    return [source.randbytes(source.choice((0, 1, 7, 100))) for _ in range(source.randrange(1, 5))]


def _nest(message: list[bytes], messages: Sequence[Sequence[bytes]], source: random.Random) -> list[bytes]:
    """Deeper than any reader follows."""
    return [source.choice((b'{"a":', b"[", b"\x91", b"\x81\xa1a")) * 5000, *message[1:]]


_DISTORTIONS: Final[
    tuple[Callable[[list[bytes], Sequence[Sequence[bytes]], random.Random], list[bytes]], ...]
] = (
    _flip_bits,
    _flip_bits,
    _change_digits,
    _change_digits,
    _cut,
    _overwrite,
    _splice,
    _shuffle,
    _noise,
    _nest,
)
