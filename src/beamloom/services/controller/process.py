"""The process of the controller: what it takes up, what it listens on."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path

from beamloom.access import Access, Credentials, access_of
from beamloom.capsules import capsules_folder
from beamloom.control.http import make_app
from beamloom.control.rules import RulesHost
from beamloom.exit_status import RENEWED
from beamloom.services.controller.restoring import restore
from beamloom.services.controller.run_rules import start_rules
from beamloom.services.controller.service import ControllerService
from beamloom.services.controller.state_stores import OpenState, open_state
from beamloom.services.shell.disks import DiskWatch
from beamloom.services.shell.health import NOBODY_HEARS, Health
from beamloom.services.shell.loop import serve as serve_loop
from beamloom.services.shell.mailbox import keys_of, open_mailbox
from beamloom.services.shell.state_folders import rules_folder, state_folder
from beamloom.settings import ControllerSettings
from beamloom.transport.http_server import HttpServer
from beamloom.transport.messages import CONTROLLER

logger = logging.getLogger(__name__)

COMMANDS_LIMIT = 1 << 28
"""Bytes of the largest frame that a controller takes: its messages carry no data, and ranges of millions of events at most."""


def serve(settings: ControllerSettings, health: Health = NOBODY_HEARS) -> int:
    """Run the controller in this process until it is told to end."""
    access = access_of(settings, os.environ)
    with contextlib.ExitStack() as stack:
        return _serve(settings, open_state(settings, stack), access, health)


def _serve(settings: ControllerSettings, state: OpenState, access: Access, health: Health) -> int:
    channel = open_mailbox(settings, keys_of(settings), CONTROLLER, COMMANDS_LIMIT)
    service = ControllerService(settings, channel, keeper=state.keeper)
    recordings = None if settings.record_prefix is None else Path(settings.record_prefix).parent
    disks = DiskWatch({"state": settings.state_dir, "recordings": recordings})
    service.disks = disks.told
    if state.stored is not None:
        service.resume(restore(state.stored), time.monotonic())
    service.logbook.listen()
    capsules = capsules_folder(settings.capsule_dir, state_folder(""))
    # Processes of one pipeline show the certificate that the controller has, or one that the system trusts.
    shown = settings.http_certificate
    trusted = Credentials(ca_file=shown, any_name=True).tls() if shown else None
    rules = RulesHost(settings, rules_folder(settings))
    start_rules(service, rules)
    app = make_app(service, capsules, trusted, rules=rules)
    server = HttpServer(app, settings.http_host, settings.http_port, access)
    try:
        server.start()
        state.announce(channel.address)
        logger.info("mailbox at %s, HTTP API at %s", channel.address, server.url)
        health.ready()

        def overtaken() -> str | None:
            return service.ended or state.lost()

        status = serve_loop(service, channel, health.watching(overtaken))
        if overtaken() is None or not settings.store:
            return status
        # Whoever runs it is to start it again: without that, a controller that was cut off for a while would stand by nevermore.
        logger.info("ends, so as to be started anew and stand by")
        return RENEWED
    finally:
        server.stop()
        rules.close()
        disks.close()
