"""Settings of the device ``images``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class ImageFilesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``images`` in the pipeline file."""

    url: str
    """The files: ``file:///data/run_1/*.tif`` or the path alone; a folder stands for all files in it. Hidden files, whose names begin with
    a dot, are left out."""
    number: Literal["name", "order"] = "name"
    """What counts the images: the last number in the name, or the order of the names."""
    first_number: int | None = None
    """The number in the name of the first image; by default the lowest when the run first looks. Give it where the first image may be
    missing or late."""
    follow: bool = False
    """Whether more files will be written: the series ends when the run has all its images, or after ``idle_seconds``."""
    renamed: bool = False
    """Whether files get their names when they are whole (written under another, then renamed): then each is read at once."""
    settle_seconds: float = 0.2
    """Else: how long size and time of a file have to stay as they are before it is taken to be whole."""
    idle_seconds: float = 10.0
    """How long after the last file a followed series is taken to be whole; waiting for the first has no end."""
    poll_seconds: float = 0.05
    """How often the folder is looked at."""
    queue_bytes: int = 256 * 2**20
    """How far reading runs ahead of the run, in bytes."""
    readers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """How many files are read at a time."""
