"""The process of a worker: its guard, its mailbox, its signs of life."""

from __future__ import annotations

from typing import Any

from beamloom.analysis import load_class
from beamloom.services.shell.evidence import evidence_of
from beamloom.services.shell.freed_memory import keep_freed_memory
from beamloom.services.shell.guard import start_guard
from beamloom.services.shell.health import NOBODY_HEARS, Health
from beamloom.services.shell.heartbeat import Heartbeats
from beamloom.services.shell.loop import EndOfService
from beamloom.services.shell.loop import serve as serve_loop
from beamloom.services.shell.mailbox import keys_of, open_mailbox
from beamloom.services.shell.membership import first_of, new_peer_id
from beamloom.services.worker.memory_budget import Renewal
from beamloom.services.worker.service import WorkerService
from beamloom.services.worker.user_map import Map
from beamloom.settings import WorkerSettings


def serve(settings: WorkerSettings, health: Health = NOBODY_HEARS) -> int:
    """Run a worker in this process until it is told to end."""
    keys = keys_of(settings)

    def load() -> Map:
        if settings.worker_class is None:
            return Map(None)
        return Map(load_class(settings.worker_class, settings.analysis_path))

    keep_freed_memory()
    notes = start_guard(first_of(settings.controller), settings.heartbeat_interval, keys)
    end, renewal = EndOfService(notes.will_end), Renewal()
    channel = open_mailbox(settings, keys, new_peer_id(settings.name))
    service = WorkerService(
        settings,
        channel,
        settings.controller,
        load,
        notes=notes,
        renew=renewal.by(end),
        end=renewal.never(end),
        evidence=evidence_of(settings),
    )

    def notes_of(now: float) -> dict[str, Any]:
        # Told while it is still in the middle of an event.
        return {**service.notes(now), **({} if end.reason is None else {"drains": end.reason})}

    def may_end(reason: str, now: float) -> bool:
        service.drain(reason, now)
        return service.drained(now)

    beats = Heartbeats(channel, settings, service.member, service.figures, notes_of, keys=keys, health=health)
    try:
        return renewal.status(serve_loop(service, channel, lambda: service.member.ended, end, may_end))
    finally:
        beats.close()
