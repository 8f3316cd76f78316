"""Whoever reads, in whichever form, gets one version of the tree, while the reducer takes hundreds of results per second."""

from __future__ import annotations

import io
import json
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h5pyd
import numpy as np
import pytest
import requests
from websockets.sync.client import connect

from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import open_map, pictures_until
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

READS = 15
RATE = 500


@pytest.fixture
def publishing(camera: Bench) -> Iterator[Live]:
    """A pipeline whose reducer publishes all the time."""
    enough = threading.Event()
    with running(of_camera(camera), worker="versions:Worker", reducer="versions:Reducer", count=1) as live:
        live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=RATE)
        wait_until(lambda: live.completed(50), "the first events", live.state)
        yield live
        enough.set()
        live.finished()


def _check(tree: Any) -> int:
    count = int(tree["count"])
    array, ones = np.asarray(tree["whole"]["array"]), np.asarray(tree["whole"]["ones"])
    assert array.min() == array.max() == count
    assert ones.sum() == count
    return count


def _json(session: requests.Session, url: str) -> int:
    return _check(session.get(f"{url}/api/v1/result/$?format=json", timeout=PATIENCE).json()[0])


def _pickle(session: requests.Session, url: str) -> int:
    return _check(pickle.loads(session.get(f"{url}/api/v1/result/$", timeout=PATIENCE).content)[0])


def _npy(session: requests.Session, url: str) -> int:
    answer = session.get(f"{url}/api/v1/result/$.whole.array?format=npy", timeout=PATIENCE)
    array = np.load(io.BytesIO(answer.content))
    assert array.min() == array.max()
    return int(array[0])


def _hdf5(session: requests.Session, url: str) -> int:
    with h5pyd.File("/snapshot", "r", endpoint=url) as file:
        parts = {name: file[f"whole/{name}"][:] for name in ("array", "ones")}
        return _check({"count": file["count"][()], "whole": parts})


def test_each_read_is_of_one_version_in_every_form(publishing: Live) -> None:
    url = publishing.placement.reducer_url

    def read_again_and_again(read: Any) -> list[int]:
        with requests.Session() as session:
            return [read(session, url) for _ in range(READS)]

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(read_again_and_again, [_json, _pickle, _npy, _hdf5] * 2))
    for one in counts:
        assert one == sorted(one)
    assert len({count for one in counts for count in one}) > READS, "the reducer did not publish meanwhile"


def test_who_is_told_of_a_version_reads_at_least_that_one_and_what_is_still_is_not_sent_again(
    publishing: Live,
) -> None:
    url = publishing.placement.reducer_url
    with (
        requests.Session() as session,
        connect(f"{url.replace('http', 'ws')}/api/v1/updates", proxy=None) as told,
    ):
        assert json.loads(told.recv(timeout=PATIENCE))["changed"] == ["$"]
        tag = session.get(f"{url}/api/v1/result/$.still", timeout=PATIENCE).headers["etag"]
        version = 0
        for _ in range(5):
            update = json.loads(told.recv(timeout=PATIENCE))
            assert update["version"] > version
            version = update["version"]
            assert update["changed"] == ["$.count", "$.whole.array", "$.whole.ones"]
            answer = session.get(f"{url}/api/v1/result/$.count?format=json", timeout=PATIENCE)
            assert int(answer.headers["x-beamloom-version"]) >= version
            known = session.get(
                f"{url}/api/v1/result/$.still", headers={"If-None-Match": tag}, timeout=PATIENCE
            )
            assert known.status_code == 304
