"""The process of an ingester: its mailbox, its signs of life, the disks that it watches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beamloom.services.ingester.lending import lending_of
from beamloom.services.ingester.service import IngesterService
from beamloom.services.shell.disks import DiskWatch
from beamloom.services.shell.freed_memory import keep_freed_memory
from beamloom.services.shell.health import NOBODY_HEARS, Health
from beamloom.services.shell.heartbeat import Heartbeats
from beamloom.services.shell.loop import serve as serve_loop
from beamloom.services.shell.mailbox import keys_of, open_mailbox
from beamloom.services.shell.membership import new_peer_id
from beamloom.settings import IngesterSettings


def serve(settings: IngesterSettings, health: Health = NOBODY_HEARS) -> int:
    """Run an ingester in this process until it is told to end."""
    keys = keys_of(settings)
    keep_freed_memory()
    channel = open_mailbox(settings, keys, new_peer_id(settings.name))
    service = IngesterService(settings, channel, settings.controller, lending=lending_of(settings, channel))
    recordings = None if settings.record_prefix is None else Path(settings.record_prefix).parent
    disks = DiskWatch({"recording": recordings, "spool": service.spool_folder})

    def notes(now: float) -> dict[str, Any]:
        return {**service.notes(now), "disks": disks.told()}

    beats = Heartbeats(
        channel, settings, service.member, service.figures, notes, keys=keys, health=health, computes=False
    )
    try:
        return serve_loop(service, channel, health.watching(lambda: service.member.ended))
    finally:
        beats.close()
        disks.close()
