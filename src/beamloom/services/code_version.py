"""Which version of the analysis this process runs: what the build wrote into a file that BUILD_META_FILE names."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from beamloom.analysis import CodeVersion

logger = logging.getLogger(__name__)

DEFAULT_FILE = "/etc/build_git_meta.json"


def code_version() -> CodeVersion | None:
    """The version as the build wrote it down; None where there is no such file."""
    path = Path(os.environ.get("BUILD_META_FILE", DEFAULT_FILE))
    try:
        return msgspec.json.decode(path.read_bytes(), type=CodeVersion)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        logger.warning("%s does not say which version of the analysis this is: %s", path, error)
        return None


def build_metadata() -> dict[str, str]:
    """The same as plain words; empty where nothing is known."""
    version = code_version()
    return {} if version is None else msgspec.to_builtins(version)
