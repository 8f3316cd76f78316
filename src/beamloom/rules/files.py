"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path
from typing import Final

NO_LINKS: Final = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


def write_whole(path: Path, content: bytes) -> None:
    """``content`` under its name at once, and on the disk."""
    hidden = path.with_name(f".{path.name}.part")
    with open(hidden, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(hidden, path)


def sync(path: Path) -> None:
    """What was written to ``path`` is on the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def give_name(staged: Path, wanted: Path) -> bool:
    """Make ``staged`` known as ``wanted`` too; False where that name is somebody else's. True where it already is."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(staged, wanted)
    except FileExistsError:
        return staged.exists() and staged.samefile(wanted)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return _copy(staged, wanted)
    return True


def replace(staged: Path, taken: Path) -> None:
    """``taken`` becomes what ``staged`` is, at once."""
    hidden = taken.with_name(f".{taken.name}.part")
    hidden.unlink(missing_ok=True)
    if not give_name(staged, hidden):
        raise FileExistsError(f"{hidden} is in the way; remove it")
    os.replace(hidden, taken)


def free_name(path: Path) -> Path:
    """``path``, or ``name_1.ext``, ``name_2.ext`` and so on, where it is taken."""
    number, free = 0, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}_{number}")
    return free


def remove_folder(path: Path) -> None:
    """Remove it with all that is in it, as far as that is possible, and the folder that it is in if that is empty then."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def _copy(staged: Path, wanted: Path) -> bool:
    """Where files cannot have two names: a copy, whole at once."""
    hidden = wanted.with_name(f".{wanted.name}.copy")
    shutil.copyfile(staged, hidden)
    sync(hidden)
    if wanted.exists():
        hidden.unlink()
        return False
    os.replace(hidden, wanted)
    return True
