"""The process of a shadow worker: its guard, its mailbox, its signs of life, and where its results are served."""

from __future__ import annotations

import os

from beamloom.access import access_of
from beamloom.analysis import ReducerAnalysis, load_class
from beamloom.results.hdf5 import is_question
from beamloom.results.http import make_app
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.shadow.service import ShadowService
from beamloom.services.shell.evidence import evidence_of
from beamloom.services.shell.guard import start_guard
from beamloom.services.shell.health import NOBODY_HEARS, Health
from beamloom.services.shell.heartbeat import Heartbeats
from beamloom.services.shell.loop import EndOfService
from beamloom.services.shell.loop import serve as serve_loop
from beamloom.services.shell.mailbox import http_known_as, keys_of, open_mailbox
from beamloom.services.shell.membership import first_of, new_peer_id
from beamloom.services.worker.user_map import Map
from beamloom.settings import ShadowWorkerSettings
from beamloom.transport.http_server import HttpServer


def serve(settings: ShadowWorkerSettings, health: Health = NOBODY_HEARS) -> int:
    """Run a shadow worker in this process until it is told to end."""
    keys = keys_of(settings)

    def load_worker() -> Map:
        name = settings.worker_class
        return Map(None if name is None else load_class(name, settings.analysis_path))

    def load_reducer() -> ReducerAnalysis | None:
        name = settings.reducer_class
        return None if name is None else ReducerAnalysis(load_class(name, settings.analysis_path))

    notes = start_guard(first_of(settings.controller), settings.heartbeat_interval, keys)
    end = EndOfService(notes.will_end)
    channel = open_mailbox(settings, keys, new_peer_id(settings.name))
    desk = SnapshotDesk(channel.wake)
    app = make_app(desk, cors=True)
    access = access_of(settings, os.environ)
    server = HttpServer(app, settings.http_host, settings.http_port, access, is_question)
    try:
        http = server.start_as(http_known_as(settings))
        service = ShadowService(
            settings,
            channel,
            settings.controller,
            load_worker,
            load_reducer,
            desk,
            http,
            notes,
            evidence_of(settings),
        )
        beats = Heartbeats(
            channel, settings, service.member, service.figures, service.notes, keys=keys, health=health
        )
        try:
            return serve_loop(service, channel, lambda: service.member.ended, end)
        finally:
            beats.close()
    finally:
        server.stop()
