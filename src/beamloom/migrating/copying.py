"""Copies of a repository in which its code is run: what it writes beside itself is thrown away with them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from beamloom.errors import UsageError
from beamloom.migrating.repository import Repository

MOST_COPIED: Final = 64_000_000
"""Bytes of one file; larger ones are linked to."""


def copy_to(repository: Repository, folder: Path, changed: Mapping[str, str] | None = None) -> Path:
    """Copy all files, those in ``changed`` with this text. Raises UsageError where the disk refuses."""
    texts = changed or {}
    try:
        for name in repository.names:
            origin, target = repository.path / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name in texts:
                target.write_bytes(texts[name].encode())
            elif origin.is_file() and origin.stat().st_size <= MOST_COPIED:
                shutil.copyfile(origin, target)
            elif origin.is_file():
                target.symlink_to(origin.resolve())
    except OSError as error:
        raise UsageError(
            f"the repository cannot be copied to {folder} ({error.strerror}); make room, or set TMPDIR to a folder with room"
        ) from error
    return folder
