"""The process of the controller: what it takes up, what it listens on."""

from __future__ import annotations

import contextlib
import logging
import time

from beamloom.capsules import capsules_folder
from beamloom.control.http import make_app
from beamloom.services.controller import ControllerService
from beamloom.services.loop import serve as serve_loop
from beamloom.services.restoring import Restored, restore
from beamloom.services.safekeeping import state_folder
from beamloom.services.statekeeping import StateKeeper, open_state
from beamloom.settings import ControllerSettings
from beamloom.transport.http_server import HttpServer
from beamloom.transport.messages import CONTROLLER
from beamloom.transport.zeromq import ZmqChannel

logger = logging.getLogger(__name__)


def serve(settings: ControllerSettings) -> int:
    """Run the controller in this process until it is told to end."""
    with contextlib.ExitStack() as stack:
        keeper, restored = open_state(settings, stack)
        return _serve(settings, keeper, None if restored is None else restore(restored))


def _serve(settings: ControllerSettings, keeper: StateKeeper | None, restored: Restored | None) -> int:
    channel = ZmqChannel(CONTROLLER, settings.bind, settings.mailbox_port, settings.advertise)
    service = ControllerService(settings, channel, keeper=keeper)
    if restored is not None:
        service.resume(restored, time.monotonic())
    service.log_own()
    capsules = capsules_folder(settings.capsule_dir, state_folder(""))
    server = HttpServer(make_app(service, capsules), settings.http_host, settings.http_port)
    try:
        port = server.start()
        logger.info("mailbox at %s, HTTP API at http://%s:%d", channel.address, settings.http_host, port)
        return serve_loop(service, channel, lambda: service.ended)
    finally:
        server.stop()
