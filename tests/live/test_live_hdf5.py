"""HDF5 over HTTP from a reducer process that goes on publishing."""

from __future__ import annotations

import threading

import h5pyd
import pytest
import requests

from live.pipelines import Bench, Live, wait_until
from live.series import open_map, pictures_until
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

READS = 30


def test_every_read_of_a_snapshot_is_of_one_version_while_the_reducer_publishes(
    live: Live, cameras: Bench
) -> None:
    enough = threading.Event()
    live.arm(open_map(["front"]))
    cameras.play("front", pictures_until(enough), rate=1000)
    wait_until(lambda: live.completed(50), "the first events", live.state)
    counts = []
    for _ in range(READS):
        with h5pyd.File("/snapshot", "r", endpoint=live.placement.reducer_url) as file:
            gains, epochs = file["gain/key_0"][:], file["epoch/key_0"][:]
            workers, pictures = file["worker/value"][:], file["pictures/front"][:]
        assert gains.tolist() == epochs.tolist()
        assert len(gains) == len(workers) == len(pictures)
        counts.append(len(gains))
    assert counts == sorted(counts)
    assert len(set(counts)) > READS // 3, "the reducer did not publish meanwhile, so nothing was shown"
    enough.set()
    end = live.finished()
    with h5pyd.File("/", "r", endpoint=live.placement.reducer_url) as file:
        assert sorted(file["gain/key_0"][:].tolist()) == list(range(end["total_events"]))


def test_an_id_that_is_kept_reads_what_is_new(live: Live, cameras: Bench) -> None:
    url = live.placement.reducer_url
    enough = threading.Event()
    live.arm(open_map(["front"]))
    cameras.play("front", pictures_until(enough), rate=200)
    wait_until(lambda: live.completed(10), "the first events", live.state)
    kept = requests.get(f"{url}/?h5path=gain/key_0", timeout=PATIENCE).json()["id"]

    def length() -> int:
        answer = requests.get(f"{url}/datasets/{kept}", timeout=PATIENCE).json()
        return int(answer["shape"]["dims"][0])

    first = length()
    wait_until(lambda: length() > first + 20, "more rows under the same id", live.state)
    enough.set()
    live.finished()
