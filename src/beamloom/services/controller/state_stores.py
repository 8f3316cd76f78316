"""Where the state of a controller is kept: in a folder of its machine, or at a server that several machines reach.

Policy: one controller at a time has it. In a folder the second one is told who that is, and ends. At a server it stands by, until the first
one ends, dies or is cut off; it opens no port before.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from beamloom.errors import UserError
from beamloom.services.controller.statekeeping import StateKeeper
from beamloom.settings import ControllerSettings
from beamloom.store import (
    FolderLock,
    Lease,
    Link,
    RedisStore,
    Scribe,
    Slate,
    SqliteStore,
    Stored,
    StoreError,
    Unreachable,
)

logger = logging.getLogger(__name__)

SERVER_PATIENCE = 1.0
"""Seconds that what happens waits for a server: there are no notes beside it, and what is not written dies with this process."""


class OpenState(msgspec.Struct, frozen=True):
    """The state of a controller, which is its own from now on."""

    keeper: StateKeeper | None
    """None where nothing is kept."""
    stored: Stored | None
    lost: Callable[[], str | None] = lambda: None
    """Why this process is not to decide any more, once that is so."""
    announce: Callable[[str], None] = lambda address: None
    """Tell those who look for the controller where it is, once it listens there."""


def open_state(settings: ControllerSettings, stack: contextlib.ExitStack) -> OpenState:
    """What the settings name, released with ``stack``; waits where another controller has the state of a server.

    Raises a UserError where it cannot be used, or where another controller has the folder.
    """
    if settings.store:
        return _at_server(settings, stack)
    if settings.state_dir:
        return _in_folder(settings, stack)
    return OpenState(None, None)


def _at_server(settings: ControllerSettings, stack: contextlib.ExitStack) -> OpenState:
    lease = Lease(Link(settings.store, settings.pipeline), settings.name)
    stack.callback(lease.release)
    link = Link(settings.store, settings.pipeline)
    stack.callback(link.close)
    try:
        lease.take()
        store = RedisStore(link)
        stored = store.load()
    except (Unreachable, StoreError) as error:
        raise UserError(
            f"the store at {link} cannot be used ({error}); start the server, or name another one as store"
        ) from error
    keeper = StateKeeper(Scribe(store, noted=stored.noted, patience=SERVER_PATIENCE))
    stack.callback(keeper.close)
    return OpenState(keeper, stored, lambda: lease.lost, lease.announce)


def _in_folder(settings: ControllerSettings, stack: contextlib.ExitStack) -> OpenState:
    folder = Path(settings.state_dir).expanduser()
    lock = FolderLock(folder, settings.name)
    stack.callback(lock.release)
    try:
        store = SqliteStore(folder, settings.store_sync)
        stored = store.load()
    except StoreError as error:
        raise UserError(f"{error}; mend that, or name another folder as state_dir") from error
    slate, stored, noted = open_slate(folder, stored)
    keeper = StateKeeper(Scribe(store, None if settings.store_sync == "always" else slate, noted))
    stack.callback(keeper.close)
    return OpenState(keeper, stored)


def open_slate(folder: Path, stored: Stored) -> tuple[Slate | None, Stored, int]:
    """The slate of a folder, what is stored with what is only noted, and the number after which to go on. Without a slate it costs more."""
    try:
        slate = Slate(folder)
    except OSError as error:
        logger.info(
            "what happens is written to the store each time: there is no slate in %s (%s)", folder, error
        )
        return None, stored, stored.noted
    notes = slate.read(stored.noted)
    stored = msgspec.structs.replace(stored, batches=[*stored.batches, *notes])
    return slate, stored, slate.beyond(stored.noted)
