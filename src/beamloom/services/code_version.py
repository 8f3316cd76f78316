"""Which version of the analysis this process runs.

It is what the build wrote into a file that BUILD_META_FILE names. Without such a file, it is the commit of the git checkout that the
module of the analysis is kept in, with ``-dirty`` where files have been changed since. It is asked for once, soon after the module was
imported: what is committed later is not what runs.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from beamloom.analysis import CodeVersion, ReducerState
from beamloom.version import VERSION

logger = logging.getLogger(__name__)

DEFAULT_FILE = "/etc/build_git_meta.json"
DIGITS = 12
"""Of a digest: enough to tell versions apart."""
PATIENCE = 5.0
"""Seconds that git may take for an answer."""


def code_version(analysis: str | None = None) -> CodeVersion | None:
    """The version of ``analysis``, a class that was imported, as module:Class; None where neither build nor git know it."""
    path = Path(os.environ.get("BUILD_META_FILE", DEFAULT_FILE))
    try:
        return msgspec.json.decode(path.read_bytes(), type=CodeVersion)
    except FileNotFoundError:
        module = sys.modules.get((analysis or "").partition(":")[0])
        file = getattr(module, "__file__", None)
        return None if file is None else _of_checkout(Path(file))
    except (OSError, msgspec.DecodeError) as error:
        logger.warning("%s does not say which version of the analysis this is: %s", path, error)
        return None


def build_metadata(analysis: str | None = None) -> dict[str, str]:
    """The same as plain words; empty where nothing is known."""
    version = code_version(analysis)
    return {} if version is None else msgspec.to_builtins(version)


def code_digest(analysis: str | None, folder: str) -> str:
    """Of the files of ``analysis``, a class that was imported, and of all that was imported from its folder; empty where there are none.

    What a build or git say is the same for all that was changed since; this is not.
    """
    if analysis is None:
        return ""
    below, own = Path(folder).resolve(), analysis.partition(":")[0]
    files = {
        Path(file).resolve()
        for name, module in list(sys.modules.items())
        if (file := getattr(module, "__file__", None)) and file.endswith(".py")
        if name == own or _is_below(Path(file).resolve(), below)
    }
    digest = hashlib.sha256()
    for file in sorted(files):
        with contextlib.suppress(OSError):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:DIGITS] if files else ""


def _is_below(file: Path, folder: Path) -> bool:
    """Whether it is of the user, and not of an environment that is kept in the same folder."""
    return file.is_relative_to(folder) and "site-packages" not in file.parts


@functools.cache
def _of_checkout(file: Path) -> CodeVersion | None:
    """The commit that ``file`` is of; None where it is in none, be it that it lies in an environment beside a checkout."""
    try:
        _git(file, "ls-files", "--error-unmatch", file.name)
        return CodeVersion(
            commit_hash=_git(file, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"),
            branch_name=_git(file, "rev-parse", "--abbrev-ref", "HEAD"),
            timestamp=_git(file, "log", "-1", "--format=%cI"),
        )
    except (OSError, subprocess.SubprocessError):
        return None


def _git(file: Path, *words: str) -> str:
    """What git answers in the folder of ``file``; it locks nothing that somebody else may need."""
    done = subprocess.run(
        ["git", *words],
        cwd=file.parent,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout.strip()


def reducer_state(name: str, run: str, parameters_hash: str, analysis: str | None) -> ReducerState:
    """What the reducer class is told of its process."""
    return ReducerState(
        name=name,
        run=run,
        version=VERSION,
        mapreduce_version=code_version(analysis),
        parameters_hash=parameters_hash,
    )
