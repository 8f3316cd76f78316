"""Names of files, as PYME writes them and as they are here.

Here there is no cluster's file system: ``PYME-CLUSTER://server/folder/file``, with the server left out or not, and with or without its
colon, is a path below the folder that ``BEAMLOOM_CLUSTER_ROOT`` names, which every worker can read. Everything else is a path as it is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from beamloom.rules.files import free_name

CLUSTER: Final = re.compile(r"pyme-cluster:?//(?P<server>[^/]*)/(?P<path>.*)", re.IGNORECASE)
ROOT: Final = "BEAMLOOM_CLUSTER_ROOT"


def local(name: str | Path) -> Path:
    """The path of a file, absolute."""
    found = CLUSTER.fullmatch(str(name))
    if found is None:
        return Path(name).expanduser().absolute()
    return Path(os.environ.get(ROOT, ".")).absolute() / found["path"].lstrip("/")


def verify_cluster_results_filename(resultsFilename: str) -> str:  # noqa: N803 - the name that callers use
    """``resultsFilename`` if no file has that name, and else the first of ``name_1``, ``name_2`` and so on that none has.

    Another process may take the name meanwhile; a rule that finds it taken in the end writes beside it, and tells.
    """
    path = local(resultsFilename)
    free = free_name(path)
    return resultsFilename if free == path else resultsFilename[: -len(path.name)] + free.name
