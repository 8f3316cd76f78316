"""What the tests of the PandABox share: bytes in, outlines of packets out."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from beamloom.devices.pandabox.stream import PandaStream
from beamloom.events import Packet
from devices.reading import Items

RECORDING = "recordings/dumppcap_rotRAW-ingester-70b3ce40-6e3e-4931-8dbc-245334e26eae.cbors"
Until = Callable[[Callable[[], bool]], None]


def outline(items: Items) -> list[tuple[str, int | None]]:
    return [
        (item.kind.name, item.number) if isinstance(item, Packet) else ("MALFORMED", None) for item in items
    ]


def feed(octets: Iterable[bytes], *, packed: bool = False) -> Items:
    stream, items = PandaStream(packed=packed), Items()
    for some in octets:
        stream.feed(some, items)
    return items


def text(messages: Iterable[Sequence[bytes]]) -> bytes:
    return b"".join(message[0] for message in messages)


def packed(messages: Iterable[Sequence[bytes]], rows_per_block: int = 3) -> bytes:
    """Messages as a box sends them that was asked for FRAMED."""
    made, block = b"", b""
    for (message,) in messages:
        if message[:1] == b" ":
            block += b"".join(struct.pack("<d", float(word)) for word in message.split())
            if len(block) // (8 * len(message.split())) < rows_per_block:
                continue
        if block:
            made += b"BIN " + (len(block) + 8).to_bytes(4, "little") + block
            block = b""
        if message[:1] != b" ":
            columns = message.count(b" double ")
            made += message.replace(b"format: ASCII", b"format: Framed\nsample_bytes: %d" % (8 * columns))
    return made
