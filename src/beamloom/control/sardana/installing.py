"""Entering the folders of macros and recorders into the properties of a MacroServer. It needs a Tango database, not Sardana."""

from __future__ import annotations

from beamloom.control.sardana import MACROS, RECORDERS
from beamloom.errors import UsageError

FOLDERS = {"MacroPath": str(MACROS), "RecorderPath": str(RECORDERS)}


def enter_folders(macroserver: str) -> bool:
    """Add the folders to those that the MacroServer has; says whether any was new. Raises UsageError."""
    import tango

    try:
        database = tango.Database()
        known = database.get_device_name("*", "MacroServer").value_string
        if macroserver.lower() not in map(str.lower, known):
            raise UsageError(
                f"the Tango database knows no MacroServer {macroserver!r}; there are: {', '.join(known) or 'none'}"
            )
        now = database.get_device_property(macroserver, list(FOLDERS))
        new = {name: [*now[name], folder] for name, folder in FOLDERS.items() if folder not in now[name]}
        if new:
            database.put_device_property(macroserver, new)
    except tango.DevFailed as error:
        raise UsageError(
            f"no Tango database answers ({error.args[0].desc.strip()}); set TANGO_HOST to where it is, such as tango.example.org:10000"
        ) from error
    return bool(new)


def to_type(url: str, recorder: str | None) -> list[str]:
    """What spock has to be told once."""
    return [
        f"senv BeamloomUrl {url}",
        f"senv BeamloomRecorderUrl {recorder or 'http://HOST:PORT'}",
        "senv DataRecorder BeamloomRecorder",
        "defgh beamloom_arm pre-scan",
        "defgh beamloom_end post-scan",
    ]
