"""Where a process keeps what outlives it, so that whoever is started in its place finds it, and nobody else does.

Policy: a folder is named after the process and the address of its controller, and has a folder for each pipeline in it. That an address may
stand for several controllers (on two private networks, or one after the other) does not matter, as a pipeline is known by what its
controller keeps with its state. Where that was copied, two pipelines cannot be told apart: the lock of the folder turns the second away.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from beamloom.services.shell.membership import first_of
from beamloom.settings import ControllerSettings, ReducerSettings, ServiceSettings

JOURNALS = "journals"
"""The folder of all journals, in the one for state."""
SPOOLS = "spools"
"""The folder of all spools, in the one for state."""
RULES = "rules"
"""The folder of the ledger of rules, in the one for state."""
ABANDONED_SECONDS = 86_400.0
"""Age at which what a process has left, that did not come back, is removed."""


def of_pipeline(folder: Path, pipeline: str) -> Path:
    """The part of a process' own folder that is for one pipeline."""
    return folder / re.sub(r"[^\w-]", "_", pipeline) if pipeline else folder


def remove_if_empty(folder: Path, above: int) -> None:
    """Remove a folder in which nothing is, and so many of those above it, as far as nothing is in them."""
    with suppress(OSError):
        for one in (folder, *folder.parents[:above]):
            one.rmdir()


def journals_of(settings: ReducerSettings, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder for the journals of this reducer; None when the settings want none.

    It is named after the reducer and its controller, and after this machine where the controller is known by an address that means
    another machine elsewhere; with a store after that and the pipeline.
    """
    if not settings.journal:
        return None
    return state_folder(settings.state_dir, environment) / JOURNALS / own_folder(settings)


def own_folder(settings: ServiceSettings) -> str:
    """The name of a folder that no other process of the pipeline has, unless it was started to take the place of this one."""
    if settings.store:
        # Where the controller is may change; what it has is always there.
        store = hashlib.sha256(settings.store.encode()).hexdigest()[:8]
        return re.sub(r"[^\w.-]", "_", f"{settings.name}-{settings.pipeline}-{store}")
    whose = urlsplit(first_of(settings.controller))
    host = whose.hostname or ""
    if host in ("127.0.0.1", "localhost", "::1"):
        host = socket.gethostname()
    return re.sub(r"[^\w.-]", "_", f"{settings.name}-{host}-{whose.port}")


def rules_folder(settings: ControllerSettings, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder for the ledger of the rules of this controller, beside its store where it has one.

    Otherwise it is named after the controller and its port: the one that is started at the same place goes on with it.
    """
    if settings.rules_dir:
        return Path(settings.rules_dir).expanduser()
    if settings.state_dir:
        return state_folder(settings.state_dir, environment) / RULES
    own = re.sub(r"[^\w.-]", "_", f"{settings.name}-{settings.http_port}")
    return state_folder("", environment) / RULES / own


def state_folder(state_dir: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Where a process keeps what outlives it: ``state_dir``, else the user's folder for state, else one in the temporary folder."""
    if state_dir:
        return Path(state_dir).expanduser()
    if base := environment.get("XDG_STATE_HOME"):
        return Path(base) / "beamloom"
    with suppress(RuntimeError):
        home = Path.home()
        if os.access(home, os.W_OK):
            return home / ".local" / "state" / "beamloom"
    return Path(tempfile.gettempdir()) / f"beamloom-{os.getuid()}"
