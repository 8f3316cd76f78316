"""A process that keeps results as fast as it can, until it is killed: ``victim.py FILE COMPRESSION|swmr``."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2]))

from beamloom.results.files.autosave import places
from beamloom.results.files.compression import Compression
from beamloom.results.files.keeper import Keeper
from results.files.saving import Publishing, record, summing


def main() -> None:
    reader = Publishing()
    reader.publish(**summing(0))
    path, swmr = Path(sys.argv[1]), sys.argv[2] == "swmr"
    make = places(
        str(path), "reducer", msgspec.convert("none" if swmr else sys.argv[2], Compression), swmr=swmr
    )
    keeper = Keeper("autosave", reader, make, interval=0.0, share=1.0)
    keeper.begin_run(record)
    threading.Thread(target=lambda: sys.stdin.read() or sys.exit(), daemon=True).start()
    while True:
        reader.publish(**summing(reader.version + 1, size=200_000))
        time.sleep(0.001)


if __name__ == "__main__":
    main()
