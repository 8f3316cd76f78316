"""Where dranspose and Redis come from: the package index, into an environment of their own; the path, or Debian's packages, unpacked.

Nothing is installed on the machine: all of it is under ``out/bench``, and it is used again by the next run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HOME = Path(__file__).resolve().parents[2] / "out" / "bench"
PACKAGES = ("dranspose==0.2.0", "cbor2<5.8", "psutil<7.2")
DEBIAN = (
    "redis-server",
    "redis-tools",
    "libjemalloc2",
    "liblua5.1-0",
    "lua-cjson",
    "lua-bitop",
    "liblzf1",
    "libhiredis0.14",
)
"""Redis and what it needs beside the libraries that every system has."""


class Missing(Exception):
    """A competitor cannot be measured here, and why."""


@dataclass(frozen=True)
class Others:
    """What is started for dranspose."""

    python: Path
    """Of its own environment."""
    redis: Path
    environment: dict[str, str] = field(default_factory=dict)
    """Variables that the Redis server needs."""


def find_others(*, install: bool) -> Others:
    """Dranspose and a Redis server; with ``install``, fetched where they are not there yet. Raises Missing, with the reason."""
    python = HOME / "dranspose" / "bin" / "python"
    if not (HOME / "dranspose" / "installed").exists():
        if not install:
            raise Missing(f"dranspose is not in {HOME}; `make bench` puts it there")
        _install_dranspose(python)
    if found := os.environ.get("REDIS_SERVER") or shutil.which("redis-server"):
        return Others(python, Path(found))
    unpacked = HOME / "redis" / "usr" / "bin" / "redis-server"
    if not unpacked.exists():
        if not install:
            raise Missing("there is no redis-server on the path; `make bench` looks for Debian's")
        _unpack_redis()
    libraries = ":".join(sorted({str(file.parent) for file in (HOME / "redis").rglob("*.so*")}))
    others = Others(python, unpacked, {"LD_LIBRARY_PATH": libraries})
    try:
        _call(str(unpacked), "--version", environment=others.environment)
    except Missing as error:
        raise Missing(f"{error}; install a redis-server, or name one in REDIS_SERVER") from None
    return others


def _install_dranspose(python: Path) -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(HOME / "dranspose", ignore_errors=True)
    _call(sys.executable, "-m", "venv", str(HOME / "dranspose"))
    _call(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)
    (HOME / "dranspose" / "installed").touch()


def _unpack_redis() -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Missing("there is no redis-server; install one, or name it in REDIS_SERVER")
    debs = HOME / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    _call("apt-get", "download", *DEBIAN, folder=debs)
    for deb in debs.glob("*.deb"):
        _call("dpkg-deb", "-x", str(deb), str(HOME / "redis"))


def _call(*command: str, folder: Path | None = None, environment: dict[str, str] | None = None) -> None:
    try:
        ran = subprocess.run(
            command,
            check=False,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=300,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{command[0]} did not work: {error}") from None
    if ran.returncode:
        last = (ran.stderr.strip() or ran.stdout.strip()).splitlines()[-1:]
        raise Missing(f"{' '.join(command[:3])} failed: {' '.join(last)}")
