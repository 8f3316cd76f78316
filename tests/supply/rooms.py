"""An empty environment in a folder of its own, with nothing of the checkout in sight."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

SECONDS_TO_INSTALL = 900
SECONDS_TO_RUN = 900
_HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_ADDOPTS")


class Refused(Exception):
    """A command failed; the text is the command and the end of what it said."""


class Room:
    """An environment, in which commands run with ``folder / "at"`` as their working directory."""

    def __init__(self, folder: Path, interpreter: str | Path) -> None:
        """Made by this interpreter. Raises Refused."""
        self._folder = folder
        self.at = folder / "at"
        self.at.mkdir(parents=True)
        call([interpreter, "-m", "venv", folder / "env"], self.at, SECONDS_TO_INSTALL)
        self.python = folder / "env" / "bin" / "python"

    def install(self, words: Sequence[str | Path], constraints: Path) -> None:
        """By pip, in versions of these constraints. Raises Refused."""
        pip: list[str | Path] = [
            self.python,
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "install",
        ]
        call([*pip, "--constraint", constraints, *words], self.at, SECONDS_TO_INSTALL)

    def run(self, program: str, *words: str | Path, seconds: float = SECONDS_TO_RUN) -> str:
        """What a program of the environment says on its standard output. Raises Refused."""
        return call([self.python.with_name(program), *words], self.at, seconds)

    def bytes_of_packages(self) -> int:
        """What everything that was installed takes on the disk, pip aside."""
        (packages,) = (self._folder / "env" / "lib").glob("python*/site-packages")
        return sum(
            path.lstat().st_size
            for path in packages.rglob("*")
            if path.is_file()
            and not path.relative_to(packages).parts[0].startswith(("pip", "_distutils", "setuptools"))
        )


def call(words: Sequence[str | Path], at: Path, seconds: float) -> str:
    """The standard output of a command, which sees nothing of the environment that called it. Raises Refused."""
    told = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
    told |= {"PYTHONNOUSERSITE": "1", "XDG_STATE_HOME": str(at / "state")}
    command = " ".join(map(str, words))
    try:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=at,
            env=told,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"{command}\n{error}") from None
    if done.returncode:
        said = (done.stdout[-2000:] + done.stderr[-2000:]).strip()
        raise Refused(f"{command}\nended with {done.returncode} and said:\n{said}")
    return done.stdout
