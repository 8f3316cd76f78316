"""Where recordings may be written: a prefix comes as a parameter or in a message, and names no place that the settings did not."""

from __future__ import annotations

import os
from pathlib import Path

from beamloom.settings import ControllerSettings, IngesterSettings


def refusal(prefix: str, settings: ControllerSettings | IngesterSettings) -> str | None:
    """Why no recording is written with this prefix, as a sentence; None where one may be.

    It may in and below the folder of ``record_prefix`` and in and below ``record_below``, symbolic links followed.
    """
    own = settings.record_prefix
    if not prefix or prefix == own:
        return None
    allowed = [_folder(own)] if own else []
    if settings.record_below:
        allowed.append(Path(os.path.realpath(settings.record_below)))
    if "\0" not in prefix:
        folder = _folder(prefix)
        if any(folder == one or one in folder.parents for one in allowed):
            return None
    places = "to " + " and ".join(map(str, allowed)) if allowed else "nowhere"
    return (
        f"{settings.name} does not record to {prefix[:200]!r}: by its settings dump_prefix may lead {places}; "
        "name the folder for recordings as record_below in its settings, / for any"
    )


def _folder(prefix: str) -> Path:
    # The prefix is joined as it is: its last part begins the names of files.
    return Path(os.path.realpath(os.path.dirname(prefix + "-")))
