"""Loaded by the Dask workers of a local cluster: they do not hear the Ctrl-C that is meant for the supervisor, which ends them in order."""

from __future__ import annotations

import os
from typing import Any


def dask_setup(worker: Any) -> None:
    """Called by Dask as the worker starts: from now on it is in a session of its own."""
    os.setsid()
