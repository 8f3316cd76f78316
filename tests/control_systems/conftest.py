"""A pipeline with one camera, whose analysis has a parameter of each kind, shared by the tests of a module; and a RunEngine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from live.pipelines import Bench, Live, running

if TYPE_CHECKING:
    from devices.bluesky_engine import Hutch

ANALYSES = Path(__file__).parent / "analyses"
Address = Mapping[str, tuple[str, str]]


def camera_in(folder: Path) -> dict[str, tuple[str, str]]:
    return {"camera": ("stins", f"ipc://{folder / 'camera'}")}


@contextmanager
def steered_pipeline(address: Address) -> Iterator[Live]:
    streams: dict[str, Any] = {
        name: {"device": device, "url": url} for name, (device, url) in address.items()
    }
    with running(streams, worker="steered:Worker", reducer="steered:Reducer", analysis=ANALYSES) as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Address:
    return camera_in(tmp_path_factory.mktemp("camera"))


@pytest.fixture(scope="module")
def live(address: Address) -> Iterator[Live]:
    with steered_pipeline(address) as pipeline:
        yield pipeline


@pytest.fixture
def camera(address: Address) -> Iterator[Bench]:
    with Bench(address) as bench:
        yield bench


@pytest.fixture
def own_address(tmp_path: Path) -> Address:
    """For a test that kills processes of its pipeline."""
    return camera_in(tmp_path)


@pytest.fixture
def own_live(own_address: Address) -> Iterator[Live]:
    with steered_pipeline(own_address) as pipeline:
        yield pipeline


@pytest.fixture
def own_camera(own_address: Address) -> Iterator[Bench]:
    with Bench(own_address) as bench:
        yield bench


@pytest.fixture
def documents() -> list[tuple[str, dict[str, Any]]]:
    """All that the engine of ``made`` emits."""
    return []


@pytest.fixture
def made(tmp_path: Path, documents: list[tuple[str, dict[str, Any]]]) -> Iterator[Hutch]:
    """A RunEngine with its devices, where Bluesky is there."""
    from devices.bluesky_engine import hutch

    with hutch(tmp_path, lambda name, document: documents.append((name, document))) as made:
        yield made
