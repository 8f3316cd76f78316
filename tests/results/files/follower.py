"""A process that follows a file by SWMR and tells what it sees: ``follower.py FILE LAST_VERSION``."""

from __future__ import annotations

import sys

import h5py


def main() -> None:
    seen, wanted = -1, int(sys.argv[2])
    with h5py.File(sys.argv[1], "r", swmr=True) as file:
        version, rows, image = (
            file[f"entry/{name}"] for name in ("beamloom/result_version", "rows", "image")
        )
        sys.stdout.write("open\n")
        sys.stdout.flush()
        while seen < wanted:
            version.refresh()
            seen = int(version[()])
            rows.refresh()
            image.refresh()
            # The version is written last: what it promises is there, maybe more.
            if len(rows) < seen or rows[:seen].tolist() != list(range(seen)) or image[...].min() < seen:
                raise AssertionError(f"version {seen} promises more than there is: {rows[:]}, {image[...]}")
    sys.stdout.write(f"{seen}\n")


if __name__ == "__main__":
    main()
