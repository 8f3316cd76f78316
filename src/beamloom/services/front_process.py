"""The process of the front: one address for several pipelines, each of which has processes of its own."""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path

from beamloom.access import Access, AccessError, Credentials, Limits
from beamloom.access.policy import is_loopback
from beamloom.control.front import PIPELINES, Front, make_front
from beamloom.services.shell.health import NOBODY_HEARS, Health
from beamloom.services.shell.loop import EndOfService
from beamloom.settings import FrontSettings
from beamloom.transport.http_server import HttpServer
from beamloom.transport.interfaces import address_at

logger = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two signs of life."""


def serve(settings: FrontSettings, health: Health = NOBODY_HEARS) -> int:
    """Serve the front in this process until it is told to end."""
    if not settings.http_open and not is_loopback(address_at(settings.http_host)):
        raise AccessError(
            f"HTTP on {settings.http_host} can be reached by other machines, and the front asks nobody for a token; "
            "say --http-open if each of its pipelines asks for one, or listen on 127.0.0.1"
        )
    access = Access(
        open=settings.http_open,
        certificate=Path(settings.http_certificate) if settings.http_certificate else None,
        key=Path(settings.http_key) if settings.http_key else None,
        limits=Limits(body=settings.http_body_limit),
        decided_behind=True,
    )
    over = threading.Event()
    end = EndOfService(over.set)
    app = make_front(Front(settings.pipeline_urls, _trusted(settings.http_trusted)))
    with end.on_signals(over.set), HttpServer(app, settings.http_host, settings.http_port, access) as server:
        logger.info("%s at %s", ", ".join(settings.pipeline_urls), f"{server.url}{PIPELINES}")
        health.ready()
        while not over.wait(LOOK):
            health.lives()
        logger.info("ends: %s", end.reason)
    return 0


def _trusted(files: tuple[str, ...]) -> ssl.SSLContext | None:
    """What checks the certificates of the pipelines; None for what the system trusts. Raises UsageError."""
    if not files:
        return None
    # Files that name what is trusted stand for the name that is asked for.
    context = Credentials(ca_file=files[0], any_name=True).tls()
    for file in files[1:]:
        Credentials(ca_file=file).tls()  # says what is wrong with it
        context.load_verify_locations(file)
    return context
