"""A pipeline is there as soon as its processes have imported what they need: what only some of them need, the others leave alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVES_HTTP = frozenset(
    {"asyncio", "ssl", "starlette", "uvicorn", "websockets", "h11", "click", "jsonpath_rfc9535"}
)
"""What is needed to answer requests."""
READS_FILES = frozenset({"h5py", "hdf5plugin", "zarr", "yaml", "PIL", "pandas", "pyarrow", "blosc2"})
ANALYSES = frozenset({"scipy", "pyFAI", "fabio", "matplotlib"})
SITES = frozenset({"redis", "tango", "dask", "distributed", "kubernetes", "requests", "httpx"})
"""What sites have that outgrew one machine."""
NEVER = READS_FILES | ANALYSES | SITES

NOT_NEEDED = {
    "beamloom.services.ingester.service, beamloom.devices.stins": NEVER | SERVES_HTTP,
    "beamloom.cli.worker, beamloom.services.worker.process": NEVER | SERVES_HTTP,
    "beamloom.cli.ingester, beamloom.services.ingester.service": (NEVER - {"yaml"}) | SERVES_HTTP,
    "beamloom.cli.reducer, beamloom.services.reducer.process": NEVER - {"yaml"},
    "beamloom.cli.controller, beamloom.services.controller.process": (NEVER - {"yaml"})
    | {"jsonpath_rfc9535"},
    "beamloom.cli.up": NEVER | SERVES_HTTP | {"numpy", "zmq", "msgspec"},
}


@pytest.mark.parametrize("process", NOT_NEEDED)
def test_a_process_imports_nothing_that_only_others_need(process: str) -> None:
    code = f"import sys; import {process}; print('|'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split("|")}
    assert not imported & NOT_NEEDED[process]
