"""The process that works off rules and answers questions about them: by itself (``beamloom rules serve``), or for a controller.

One that a controller has started says on its standard output where it listens, waits for an earlier one to let go of the ledger, lets in
whoever has the token that the controller gave it, and ends when nothing has been asked and nothing was to do for a while.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TextIO

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from beamloom.access import access_of
from beamloom.control.rules.answers_over_http import rules_app
from beamloom.control.rules.child import Announced
from beamloom.control.rules.desk import RulesDesk
from beamloom.errors import UserError
from beamloom.rules import LocalPool, RuleEngine, redis_ledger
from beamloom.rules.engine import FolderInUse
from beamloom.rules.executors import DaskExecutor, Executor, OnDemand
from beamloom.rules.ledger import Ledger
from beamloom.rules.written import RuleTypes
from beamloom.services.shell.health import NOBODY_HEARS, Health
from beamloom.services.shell.loop import EndOfService
from beamloom.services.shell.state_folders import state_folder
from beamloom.settings import RulesSettings
from beamloom.transport.http_server import HttpServer

logger = logging.getLogger(__name__)
PATIENCE = 10.0
"""Seconds in which an earlier process has to let go of the ledger."""
LOOK = 1.0
"""Seconds between two looks at whether anything is to do."""


class _Asked:
    """Remembers when an application was asked last."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.at = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.at = time.monotonic()
        try:
            await self._app(scope, receive, send)
        finally:
            self.at = time.monotonic()


def serve(settings: RulesSettings, *, announced: bool = False, health: Health = NOBODY_HEARS) -> int:
    """Work off rules in this process until it is told to end; ``announced``: a controller has started it."""
    controller = _controller_alone() if announced else None
    try:
        return _serve(settings, controller, health)
    except UserError as error:
        _announce(controller, Announced(error=str(error)))
        raise


def _serve(settings: RulesSettings, controller: TextIO | None, health: Health) -> int:
    access = access_of(settings, os.environ)
    if settings.rules_path:
        sys.path.insert(0, str(Path(settings.rules_path).absolute()))
    over = threading.Event()
    end = EndOfService(over.set)
    with end.on_signals(over.set), _engine(settings, 0.0 if controller is None else PATIENCE) as engine:
        desk = RulesDesk(engine, RuleTypes(settings.rule_types), settings.rules_below)
        desk.service()  # names in the settings that cannot be found are told now
        asked = _Asked(rules_app(desk))
        server = HttpServer(asked, settings.http_host, settings.http_port, access)
        server.start()
        try:
            logger.info("the rules of %s are served at %s", engine.folder, server.url)
            _announce(controller, Announced(url=server.url))
            health.ready()
            while not over.wait(LOOK):
                health.lives()
                if settings.rules_idle and _is_idle(desk, asked, settings.rules_idle):
                    end.ask("nothing is to do, and nobody asks")
            logger.info("ends: %s", end.reason)
        finally:
            server.stop()
    return 0


def _engine(settings: RulesSettings, patience: float) -> RuleEngine:
    folder = settings.rules_dir or state_folder("") / "rules" / "service"
    deadline = time.monotonic() + patience
    while True:
        try:
            return RuleEngine(Path(folder).expanduser(), _executor(settings), _ledger(settings))
        except FolderInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _ledger(settings: RulesSettings) -> Callable[[], Ledger] | None:
    """Opens the ledger that the settings name; None for that of the folder."""
    return partial(redis_ledger, settings.store, settings.pipeline) if settings.store else None


def _executor(settings: RulesSettings) -> Executor:
    if settings.rules_scheduler:
        return DaskExecutor(settings.rules_scheduler)
    return OnDemand(LocalPool(settings.rules_workers or None))


def _is_idle(desk: RulesDesk, asked: _Asked, limit: float) -> bool:
    return time.monotonic() - asked.at > limit and not desk.busy()


def _controller_alone() -> TextIO:
    """Where the controller reads what is announced; what rules print goes to the errors, as nobody would read it here."""
    controller = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return controller


def _announce(controller: TextIO | None, what: Announced) -> None:
    if controller is not None:
        controller.write(msgspec.json.encode(what).decode() + "\n")
        controller.flush()
