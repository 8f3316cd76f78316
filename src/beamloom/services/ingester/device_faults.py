"""What the code of a device raises, which may be that of another package.

Policy: a device that cannot be opened, asked or let go of is said to be at fault, with what it raised, and takes no other stream with it.
What it raises while it is read ends the process: nobody knows which packets it had taken, and whoever is started next finds its place by
number.
"""

from __future__ import annotations

import logging

from beamloom.devices.device import Source
from beamloom.errors import UserError

logger = logging.getLogger(__name__)

SAID = (ValueError, OSError, UserError)
"""What is raised with a sentence for people."""


def sentence_of(error: Exception, stream: str, *, told: str | None = None) -> str:
    """What went wrong with the device of a stream, for people.

    Where the device did not say it in a sentence, the log has the traceback, unless ``told``, which was said before, is the same.
    """
    if isinstance(error, SAID) and str(error):
        return str(error)
    sentence = (
        f"stream {stream!r}: its device has failed with {type(error).__name__}: {error}; look at the log of this ingester, and tell "
        "whoever wrote the device"
    )
    if sentence not in (told or ""):
        logger.error("stream %r: its device has failed", stream, exc_info=error)
    return sentence


def is_there(source: Source) -> bool:
    """Whether a device is there, as far as that can be told."""
    try:
        return source.connected()
    except Exception:
        return False


def why_absent(source: Source) -> str | None:
    """Why a device is not there; None where it is."""
    try:
        return None if source.connected() else source.connection_problem()
    except Exception as error:
        return f"whether its device is there cannot be told: {type(error).__name__}: {error}"


def let_go(source: Source, stream: str) -> None:
    """Release the connection to a device, as far as that goes."""
    try:
        source.close()
    except Exception:
        logger.exception("stream %r: its device could not be let go of in order", stream)
