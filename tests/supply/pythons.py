"""Finds Pythons: on the path, or among those that pyenv keeps, where the path has only a name that does not start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def find(name: str) -> str | None:
    """What starts the Python of this name, such as ``python3.12``, or of this path; None where there is none."""
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    of_pyenv = sorted(map(str, kept.glob(f"*/bin/{name}"))) if name == Path(name).name else []
    return next((python for python in [name, *of_pyenv] if _starts(python)), None)


def _starts(python: str) -> bool:
    try:
        asked = subprocess.run([python, "-c", "import ensurepip"], capture_output=True, check=False)
    except OSError:
        return False
    return asked.returncode == 0
