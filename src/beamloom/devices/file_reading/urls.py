"""Files by address: ``file:///data/run_*.h5``, or the path alone; ``*``, ``?`` and ``[]`` stand for what they stand for in a shell."""

from __future__ import annotations

import glob
import os
import re
import urllib.parse
from pathlib import Path
from typing import Final

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://?")
_DIGITS: Final = re.compile(r"(\d+)")


def path_of(url: str) -> Path:
    """The path, or the pattern of paths, that ``url`` names. Raises ValueError with a sentence for what cannot be one."""
    text = url
    if url.startswith("file:"):
        parts = urllib.parse.urlsplit(url, allow_fragments=False)
        if parts.netloc not in ("", "localhost"):
            raise ValueError(
                f"{url!r} names the machine {parts.netloc!r}; files are read where they are mounted here: file:///data/run_1.h5"
            )
        # What would be a query in an address of the web is a pattern here.
        text = urllib.parse.unquote(parts.path + (f"?{parts.query}" if "?" in url else ""))
    if not text or "\0" in text or _SCHEME.match(text) or not ("/" in text or "." in text):
        raise ValueError(
            f"{url!r} is no address of a file; write it like file:///data/run_1.h5, /data/run_1.h5 or ./run_1.h5"
        )
    return Path(text).expanduser()


def is_pattern(path: Path) -> bool:
    """Whether there are signs in it that stand for others."""
    return glob.has_magic(str(path))


def matching(path: Path) -> list[Path]:
    """The files that ``path`` names, in the order in which people count: 2 before 10. Hidden files only where it says so."""
    if not is_pattern(path):
        return [path] if os.path.exists(path) else []
    return sorted(map(Path, glob.glob(str(path), recursive=True)), key=natural_order)


def natural_order(path: Path) -> tuple[object, ...]:
    """A key to sort by: numbers within names by their values."""
    parts = _DIGITS.split(str(path))
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts))


def number_in(path: Path) -> int | None:
    """The last number in the name, before its suffix; None where there is none."""
    found = _DIGITS.findall(path.name.split(".", 1)[0])
    return int(found[-1]) if found else None


def why_absent(path: Path, *, may_come: bool) -> str | None:
    """Why there is nothing at ``path``, in a sentence; None where there is something, or it may come and its folder is there."""
    if matching(path):
        return None
    folder = path.parent
    while is_pattern(folder):
        folder = folder.parent
    if not os.path.isdir(folder):
        return f"there is no folder {folder}, or none that this user may see; is it mounted on this machine?"
    if not os.access(folder, os.R_OK | os.X_OK):
        return f"the folder {folder} may not be read by this user"
    if may_come:
        return None
    what = "no file matches" if is_pattern(path) else "there is no file"
    return f"{what} {path.name} in {folder}; set follow: true for files that are still to be written"
