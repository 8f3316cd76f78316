"""A pipeline of two cameras that the tests of one file share, and its cameras, which are new for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live.pipelines import Bench, Live, running
from support.ports import quiet_address

CAMERAS = ("front", "side")


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """Device and address of each camera. Over ipc, an address that nobody else takes while no camera is there."""
    folder = tmp_path_factory.mktemp("cameras")
    return {camera: ("stins", f"ipc://{folder / camera}") for camera in CAMERAS}


@pytest.fixture(scope="module")
def shared_pipeline(addresses: dict[str, tuple[str, str]]) -> Iterator[Live]:
    """A pipeline of two workers and a debug worker."""
    streams = {name: {"device": device, "url": url} for name, (device, url) in addresses.items()}
    with running(
        streams,
        debugworker={"http": quiet_address()},
        settings={"arm_timeout": 1.0, "straggler_timeout": 1.0},
    ) as live:
        yield live


@pytest.fixture
def live(shared_pipeline: Live) -> Live:
    """That pipeline, with its parameters as they were in the beginning."""
    shared_pipeline.set(gain=1, fails_at="", reduce_fails_at="", refuses=False, takes=0)
    return shared_pipeline


@pytest.fixture
def cameras(addresses: dict[str, tuple[str, str]]) -> Iterator[Bench]:
    """The two cameras."""
    with Bench(addresses) as bench:
        yield bench


@pytest.fixture
def camera() -> Iterator[Bench]:
    """One camera, for pipelines of its own; it listens as long as the test lasts."""
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as bench:
        yield bench
