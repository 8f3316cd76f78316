"""How a file came about, as it is written into the file itself."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any


def provenance(made_by: str, settings: Mapping[str, Any] | str) -> dict[str, Any]:
    """Entries for the metadata of a file: who made it, when, by which version, and with what."""
    return {
        "beamloom.made_by": made_by,
        "beamloom.version": importlib.metadata.version("beamloom"),
        "beamloom.made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "beamloom.settings": settings if isinstance(settings, str) else json.dumps(settings),
    }
