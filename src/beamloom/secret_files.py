"""Files that hold secrets: written once and whole, and read only where nobody but their owner can.

What is wrong is raised as the ``refusal`` of whoever asks, whose sentences name what the file is for; none of them holds a secret.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Any

import msgspec

from beamloom.errors import UsageError

MOST_BYTES = 2**16
"""Of such a file; what is behind them is not read."""


def write_secret(path: Path, content: Any, *, refusal: type[UsageError], others: str) -> None:
    """Write ``content`` as JSON into a file that only its owner may read, whole or not at all.

    ``others``: who needs the new secret when there was one before. Raises ``refusal`` where there is such a file already, or it cannot be
    written.
    """
    passing = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(passing, path)  # unlike a rename it replaces nothing
        finally:
            with contextlib.suppress(FileNotFoundError):
                passing.unlink()
    except FileExistsError:
        raise refusal(f"{path} is there already; keep it, or delete it first: {others} then") from None
    except OSError as error:
        raise refusal(f"{path} cannot be written ({error.strerror}); choose another folder") from error


def read_secret(path: Path, *, refusal: type[UsageError], what: str) -> bytes:
    """The content of a file of ``what`` ("the keys"). Raises ``refusal``, also where others than its owner may read it."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise refusal(
                    f"others than the owner may read {what} in {path}; make new ones with 'beamloom keys', or, where nobody "
                    f"has seen them: chmod 600 {path}"
                )
            return file.read(MOST_BYTES)
    except OSError as error:
        raise refusal(
            f"{what} in {path} cannot be read ({error.strerror}); make such a file with 'beamloom keys'"
        ) from error
