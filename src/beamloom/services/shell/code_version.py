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
    below, own = os.path.join(os.path.realpath(folder), ""), analysis.partition(":")[0]
    folders: dict[str, str] = {}
    found = {
        name: _real(file, folders)
        for name, module in list(sys.modules.items())
        if (file := getattr(module, "__file__", None)) and file.endswith(".py")
    }
    # What is of an environment that is kept in the same folder is not of the user.
    files = {
        file
        for name, file in found.items()
        if name == own or (file.startswith(below) and f"{os.sep}site-packages{os.sep}" not in file)
    }
    digest = hashlib.sha256()
    for path in sorted(map(Path, files)):
        with contextlib.suppress(OSError):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:DIGITS] if files else ""


def _real(file: str, folders: dict[str, str]) -> str:
    """The file without links in its path; ``folders`` keeps what was found out of each, as hundreds of modules are in a few of them."""
    folder, name = os.path.split(file)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    path = os.path.join(folders[folder], name)
    return os.path.realpath(path) if os.path.islink(path) else path


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
