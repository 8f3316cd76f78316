"""A run as at a beamline, with real processes: hits go to two clients that behave as CrystFEL's do, to files and to sums; then a client and
a worker are killed, and everything is as if nothing had happened.

``python -m apps.crystallography.campaign`` does it with 2,000 frames; a short one is among the tests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import msgpack
import numpy as np

from apps.crystallography.cxi import content
from apps.crystallography.series import (
    SETTINGS,
    SIMULATION,
    analysed,
    assert_same,
    messages,
    packets,
    parameter_set,
    plain,
)
from apps.crystallography.streaming.clients import CrystfelLike, crystfel_like, number_of
from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import uniform_map
from support.patience import PATIENCE
from support.ports import quiet_address

LISTS = ("frames.txt", "cleaned.txt", "events.lst", "hits.lst", "peaks.txt")
MASTER = "processed-hits-master.cxi"


class Victim:
    """The client that is killed: a process that asks for a hit, and for more when it is told to."""

    def __init__(self, address: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "apps.crystallography.streaming.clients", address],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hit(self) -> int:
        """The number of the hit that it has got."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def go_on(self) -> None:
        """Let it ask for more."""
        assert self._process.stdin is not None
        self._process.stdin.write("go on\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it, with the hit that it has."""
        self._process.kill()
        self._process.communicate()


def campaign(folder: Path, frames: int, rate: float) -> dict[str, Any]:
    """Do it in ``folder``; ``rate`` in frames a second. Returns what happened; raises AssertionError where anything is not as it should."""
    files: dict[str, Any] = {"write_hits": True, "hits_per_file": max(10, frames // 20)}
    wanted = parameter_set(processed_directory=str(folder / "oracle"), **files)
    oracle = plain(analysed(packets(frames), wanted).publish)
    hits = {index for index in range(frames) if SIMULATION.truth(index).hit}
    geometry = folder / "detector.geom"
    geometry.write_text(SIMULATION.geometry_text())
    address = f"tcp://{quiet_address()}"
    given = {
        **SETTINGS,
        **files,
        "geometry_file": str(geometry),
        "processed_directory": str(folder / "files"),
        "responding_url": address,
        "hit_stream_folder": str(folder / "waiting"),
    }
    with (
        Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera,
        running(
            of_camera(camera),
            worker="beamloom.apps.crystallography:Worker",
            reducer="beamloom.apps.crystallography:Reducer",
            parameters=given,
            analysis=folder,
        ) as live,
        crystfel_like(address) as (client,),
    ):
        live.arm(uniform_map(["camera"], frames))
        begun = time.monotonic()
        camera.play("camera", messages(frames), rate=rate)
        victims, ours, lost_with_it = _share(address, client, live, len(hits) // 2)
        wait_until(lambda: live.completed(frames // 2), "half of the events", live.state)
        live.placement.kill("worker-1")
        while len(ours) + len(victims) < len(hits):
            _take(client, ours, live)
        took = time.monotonic() - begun
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (frames + 2, 0, 0), live.state()
        counts = msgpack.unpackb(client.say(b"statistics"))
        assert msgpack.unpackb(client.say(b"parameters"))["responding_url"] == address
        tree = live.published()
    assert lost_with_it in ours
    assert (set(victims) | set(ours), set(victims) & set(ours)) == (hits, set())
    assert len(victims) == len(set(victims))
    assert (counts["offered"], counts["dropped"], counts["given_up"], counts["unkept"]) == (
        len(hits),
        0,
        0,
        0,
    )
    _compare(folder, tree, oracle)
    return {
        "frames": frames,
        "hits": len(hits),
        "to the client that was killed": len(victims),
        "to the other": len(ours),
        "handed out again": counts["handed_again"],
        "hits in files": int(tree["files"]["hits_written"]),
        "seconds": round(took, 1),
    }


def _share(address: str, client: CrystfelLike, live: Live, many: int) -> tuple[list[int], set[int], int]:
    """Let both clients have ``many`` hits together, in turn, and kill one with a hit in its hands; returns what each had, and that hit."""
    victims: list[int] = []
    ours: set[int] = set()
    victim = Victim(address)
    try:
        while len(victims) + len(ours) < many:
            victims.append(victim.hit())
            _take(client, ours, live)
            victim.go_on()
        return victims, ours, victim.hit()
    finally:
        victim.kill()


def _take(client: CrystfelLike, ours: set[int], live: Live) -> None:
    """The next hit of the client, with its own pixels and peaks."""
    hit = client.next_hit(PATIENCE)
    assert hit is not None, f"no hit after {len(ours)}: {live.state()}"
    number = number_of(hit)
    assert number not in ours
    ours.add(number)
    np.testing.assert_array_equal(hit["image"], SIMULATION.frame(number).astype(np.float32))
    assert hit["peak_list"]["num_peaks"] > SETTINGS["min_num_peaks_for_hit"]
    np.testing.assert_allclose([hit["beam_energy"], hit["detector_distance"]], [9500, 100], rtol=1e-6)


def _compare(folder: Path, tree: Any, oracle: Any) -> None:
    """Sums, lists, files and what is published are those of one process."""
    assert np.array_equal(tree["events"]["hit"][1:], oracle["events"]["hit"][1:])
    for name in ("hits", "non_hits"):
        for what, dataset in (("frames", "sum"), ("peaks", "peaks")):
            mine, theirs = tree["classes"][name][what], oracle["classes"][name][what]
            assert np.array_equal(mine[dataset], theirs[dataset]), (name, what)
            assert mine["count"] == theirs["count"]
    assert np.array_equal(tree["peakogram"]["counts"], oracle["peakogram"]["counts"])
    for name in LISTS:
        assert (folder / "files" / name).read_bytes() == (folder / "oracle" / name).read_bytes(), name
    for number in (0, 1):
        name = f"processed-detector0-class{number}-sum.h5"
        with h5py.File(folder / "files" / name) as mine, h5py.File(folder / "oracle" / name) as theirs:
            for dataset in ("nframes", "data", "peakpowder"):
                assert np.array_equal(mine["data"][dataset], theirs["data"][dataset]), (name, dataset)
    assert_same(content(folder / "files" / MASTER), content(folder / "oracle" / MASTER))


def main() -> None:
    """Do it, and say what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100.0, help="frames a second")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = campaign(Path(folder), arguments.frames, arguments.rate)
    sys.stdout.write(json.dumps(done, indent=1) + "\n")


if __name__ == "__main__":
    main()
