"""File systems that are full soon, and limits to the size of files: the disk of a test."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A real file system of so many kB at ``folder``; skips the test where none may be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "beamloom-test", str(folder)]
    if shutil.which("mount") is None:
        pytest.skip("needs the command mount")
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"needs the right to mount a file system: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def fill(folder: Path, leave_kilobytes: int = 0) -> Path:
    """Take all room of the disk but so much; returns the file that takes it."""
    path = folder / "ballast"
    free = shutil.disk_usage(folder).free - 1024 * leave_kilobytes
    with path.open("wb") as file:
        file.write(bytes(max(0, free)))
    return path


@contextmanager
def file_size_limit(most_bytes: int) -> Iterator[None]:
    """No file that this process writes may become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
