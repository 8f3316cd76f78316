"""What an analysis is told that needs a device which is not here yet."""

from __future__ import annotations

HERE = "contrast, xspress (xspress3) and stream1"


def absent(module: str) -> ImportError:
    """The error for importing ``module``."""
    return ImportError(
        f"{module} is not in this version of Beamloom, which has the devices {HERE}; "
        "remove the import, or read the packet's frames directly (packet.frames)",
        name=module,
    )
