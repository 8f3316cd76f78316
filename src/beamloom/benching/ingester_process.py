"""An ingester as it is live, but for the device: its packets come out of memory. Run as a process, with a plan as its only argument."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import msgspec

from beamloom.benching.material import Extent
from beamloom.benching.played import PlayedSource, read_packets
from beamloom.devices.device import Source
from beamloom.lifeline import die_with
from beamloom.services.ingester.service import IngesterService
from beamloom.services.shell.freed_memory import keep_freed_memory
from beamloom.services.shell.heartbeat import Heartbeats
from beamloom.services.shell.loop import serve as serve_loop
from beamloom.services.shell.mailbox import keys_of, open_mailbox
from beamloom.services.shell.membership import new_peer_id
from beamloom.settings import IngesterSettings, StreamSettings


class Played(msgspec.Struct):
    """One stream, and where its packets are."""

    file: str
    items: Extent
    wrapped: bool


class Plan(msgspec.Struct):
    """What the process does."""

    settings: IngesterSettings
    streams: dict[str, Played]
    parent: int
    """The process without which this one ends."""


def serve(plan: Plan) -> int:
    """Run the ingester in this process until it is told to end."""
    packets = {stream: read_packets(Path(one.file), stream) for stream, one in plan.streams.items()}

    def open_source(stream: str, settings: StreamSettings) -> Source:
        one = plan.streams[stream]
        return PlayedSource(packets[stream], one.items, wrapped=one.wrapped)

    settings = plan.settings
    keys = keys_of(settings)
    keep_freed_memory()
    channel = open_mailbox(settings, keys, new_peer_id(settings.name))
    service = IngesterService(
        settings,
        channel,
        settings.controller,
        open_source,
        prepare=lambda stream: None,
        sharing=lambda device: None,
    )
    beats = Heartbeats(channel, settings, service.member, service.figures, service.notes, keys=keys)
    try:
        return serve_loop(service, channel, lambda: service.member.ended)
    finally:
        beats.close()


def main() -> int:
    """Serve what the command line says."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    die_with(plan.parent)
    logging.basicConfig(level=logging.WARNING)
    return serve(plan)


if __name__ == "__main__":
    sys.exit(main())
