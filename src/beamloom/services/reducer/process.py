"""The process of the reducer: what it is put together of, and what it listens on."""

from __future__ import annotations

import logging
import os
from typing import Any

from beamloom.access import access_of
from beamloom.analysis import ReducerAnalysis, load_class
from beamloom.results.files.http import file_route
from beamloom.results.hdf5 import is_question
from beamloom.results.http import make_app
from beamloom.results.record import package_versions
from beamloom.services.reducer.handing_in import handing_in_route
from beamloom.services.reducer.keeping import Keeping, files_of, keepers_of, past_of
from beamloom.services.reducer.last_words import LastWords
from beamloom.services.reducer.leaves.links import LeafDied
from beamloom.services.reducer.leaves.process import Leaves
from beamloom.services.reducer.resumption import TAKING_UP
from beamloom.services.reducer.safekeeping import Safekeeping
from beamloom.services.reducer.service import ReducerService
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.shell.disks import DiskWatch, folder_of
from beamloom.services.shell.evidence import evidence_of
from beamloom.services.shell.guard import start_guard
from beamloom.services.shell.health import NOBODY_HEARS, Health
from beamloom.services.shell.heartbeat import Heartbeats
from beamloom.services.shell.loop import serve as serve_loop
from beamloom.services.shell.mailbox import http_known_as, keys_of, open_mailbox
from beamloom.services.shell.membership import first_of, new_peer_id
from beamloom.services.shell.state_folders import journals_of
from beamloom.settings import ReducerSettings
from beamloom.transport.http_server import HttpServer

logger = logging.getLogger(__name__)

DIED = 1
"""The exit status of a reducer that has lost a leaf: whoever started it starts it again."""


def serve(settings: ReducerSettings, health: Health = NOBODY_HEARS) -> int:
    """Run the reducer in this process until it is told to end."""
    keys = keys_of(settings)
    # C code of the user's class may hold the interpreter's lock for longer than anybody waits for a sign of life.
    notes = start_guard(first_of(settings.controller), settings.heartbeat_interval, keys, only_pulse=True)

    def load() -> ReducerAnalysis | None:
        if settings.reducer_class is None:
            return None
        return ReducerAnalysis(load_class(settings.reducer_class, settings.analysis_path))

    access = access_of(settings, os.environ)
    channel = open_mailbox(settings, keys, new_peer_id(settings.name))
    desk = SnapshotDesk(channel.wake)
    # As they are now, and not when a file is written after somebody has installed another version.
    package_versions()
    keeping = Keeping(desk, keepers_of(settings, desk), past_of(settings))
    folder = journals_of(settings)
    last_words = LastWords(hears_crashes=True)
    journal = Safekeeping(folder, settings, channel.wake, last_words=last_words)
    evidence = evidence_of(settings)
    desk.more_status["journal"] = journal.status
    desk.more_status["process"] = channel.meter.figures
    if journal.remains:
        desk.turn_away(TAKING_UP)
    app = make_app(
        desk,
        cors=True,
        past=keeping.past,
        more_routes=[
            file_route(desk, keeping.record, keeping.past),
            handing_in_route(keeping.past, settings, lambda: files_of(settings), desk),
        ],
    )
    leaves = Leaves(settings)
    if leaves.links:
        desk.more_status["leaves"] = leaves.status
    for leaf in leaves.links:
        channel.watch(leaf.pollable)
    server = HttpServer(app, settings.http_host, settings.http_port, access, is_question)
    disks = DiskWatch({"journal": journals_of(settings), "results": folder_of(settings.autosave)})
    try:
        http = server.start_as(http_known_as(settings))
        service = ReducerService(
            settings,
            channel,
            settings.controller,
            load,
            desk,
            http,
            keeping,
            journal,
            evidence,
            notes,
            leaves=leaves.links,
        )

        def told(now: float) -> dict[str, Any]:
            return {**service.notes(now), "disks": disks.told()}

        beats = Heartbeats(channel, settings, service.member, service.figures, told, keys=keys, health=health)
        try:
            return serve_loop(service, channel, lambda: service.member.ended)
        except LeafDied as died:
            logger.error("%s", died)
            return DIED
        finally:
            beats.close()
    finally:
        leaves.close()
        server.stop()
        disks.close()
