"""Environments with programs of others, or other versions of them, than those of the tests; made once and kept under ``out/``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

SECONDS_TO_INSTALL = 150


def python_with(repository: Path, package: str, version: str, more: Iterable[str] = ()) -> Path:
    """The Python of an environment with this version of a package; ``more`` are further words for pip.

    Skips the test where that cannot be installed.
    """
    words = [f"{package}=={version}", f"numpy=={np.__version__}", *more]
    return environment(repository / "out" / f"{package}-{version}", sys.executable, words)


def environment(folder: Path, interpreter: str, words: Iterable[str]) -> Path:
    """The Python of an environment in ``folder``, made by this interpreter, into which pip has installed ``words``.

    Skips the test where that cannot be.
    """
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.exists():
        return python
    # Under a name of its own until it is complete: tests of several processes may make it at once.
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    pip = [str(making / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    try:
        subprocess.run([interpreter, "-m", "venv", str(making)], check=True, capture_output=True, timeout=60)
        subprocess.run([*pip, *words], check=True, capture_output=True, timeout=SECONDS_TO_INSTALL)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"{folder.name} cannot be installed: {error}")
    if not folder.exists():
        making.rename(folder)
    (folder / "ready").touch()
    return python
