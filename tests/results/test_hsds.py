"""Results are sent to a real HSDS server: all that a tree can hold, only what changed, and on after a break."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.results.snapshot import Snapshot
from beamloom.results.tree import tree_of
from results.files.saving import Publishing, record, until
from results.hsds_server import HsdsServer, hsds_server

h5pyd = pytest.importorskip("h5pyd", reason="needs h5pyd")

from beamloom.results.files.keeper import Keeper  # noqa: E402
from beamloom.results.hsds import HsdsDomain  # noqa: E402

pytestmark = [
    pytest.mark.installs,
    pytest.mark.processes,
    pytest.mark.timeout(240),
    # h5pyd leaves connections open.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HsdsServer]:
    """One for all tests that do not stop it, as it takes long to start; each has a domain of its own."""
    with hsds_server(repository, tmp_path_factory.mktemp("hsds")) as running:
        yield running
        # h5pyd leaves connections open; they go here, where that is no error.
        gc.collect()


@pytest.fixture
def stoppable(repository: Path, tmp_path: Path) -> Iterator[HsdsServer]:
    """One that a test may stop and start."""
    with hsds_server(repository, tmp_path) as running:
        yield running
        gc.collect()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A domain that no other test has."""
    return f"hdf5://home/admin/{request.node.name}/run-1.h5"


def test_every_kind_of_value_arrives(server: HsdsServer, name: str) -> None:
    tree = {
        "_attrs": {"default": "map"},
        "truth": True,
        "complex": np.array([1 + 2j]),
        "text": "Kα",
        "texts": ["Fe", "Kβ"],
        "records": np.array([(1, 2.5)], [("i", ">i4"), ("f", "f8")]),
        "images": np.arange(2 * 30 * 70, dtype=">u2").reshape(2, 30, 70),
        "nothing": None,
        "map": {(0.0, 1.0): 5.0, (1.0, 1.0): 6.0},
    }
    loudness = logging.getLogger().level
    domain = HsdsDomain(name, "run-1")
    domain.keep(tree_of(tree))
    assert domain.left_out == {}
    assert logging.getLogger().level == loudness, "h5pyd silenced the log of the whole process"
    domain.close()
    with server.file(name) as file:
        assert file.attrs["default"] == "map"
        assert file["truth"][()]
        assert file["complex"][0].tolist() == (1.0, 2.0)
        assert file["text"].asstr()[()] == "Kα"
        assert file["texts"].asstr()[()].tolist() == ["Fe", "Kβ"]
        assert file["records"][0]["i"] == 1
        np.testing.assert_array_equal(file["images"][()], tree["images"])
        assert file["map/key_0"][()].tolist() == [0.0, 1.0]
        assert file["map"].attrs["signal"] == "value"


def test_only_what_changed_is_sent(server: HsdsServer, name: str) -> None:
    domain = HsdsDomain(name, "run-1")
    rows, other = np.arange(40_000.0).reshape(-1, 4), np.ones(5000)
    domain.keep(tree_of({"rows": rows, "other": other, "gone": 1}))
    assert domain.written == rows.nbytes + other.nbytes
    longer = np.concatenate([rows, [[1.0, 2.0, 3.0, 4.0]]])
    domain.keep(tree_of({"rows": longer, "other": other}))
    assert domain.written == 4 * 8
    changed = longer.copy()
    changed[17, 2] = np.nan
    domain.keep(tree_of({"rows": changed, "other": "now a text"}))
    assert domain.written == 4 * 8
    domain.close()
    with server.file(name) as file:
        np.testing.assert_array_equal(file["rows"][()], changed)
        assert file["other"].asstr()[()] == "now a text"
        assert set(file) == {"rows", "other"}


def test_a_reducer_that_comes_back_sends_only_what_the_server_lacks(server: HsdsServer, name: str) -> None:
    rows, other = np.arange(1000.0), np.ones(5000)
    first = HsdsDomain(name, "run-1")
    first.keep(tree_of({"rows": rows, "other": other}))
    first.close()
    again = HsdsDomain(name, "run-1")
    again.keep(tree_of({"rows": rows + 1, "other": other}))
    assert again.written == rows.nbytes
    assert again.where == name
    again.close()


def test_a_domain_of_another_run_is_left_as_it_is(server: HsdsServer, name: str) -> None:
    for run in ("run-1", "run-2"):
        domain = HsdsDomain(name, run)
        domain.keep(tree_of({"run": run}))
        domain.close()
    assert domain.where == name.replace(".h5", "_1.h5")
    with server.file(name) as file:
        assert file["run"].asstr()[()] == "run-1"


@pytest.mark.expects_errors
def test_what_came_while_the_server_was_away_is_there_when_it_is_back(
    stoppable: HsdsServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Publishing()

    def values() -> Any:
        with stoppable.file(name) as file:
            return file["entry/rows"][()]

    keeper = Keeper("HSDS", reader, lambda about: HsdsDomain(name, about.run), 0.05, share=1.0)
    try:
        reader.publish(rows=np.arange(10.0))
        keeper.begin_run(record)
        until(lambda: keeper.status()["version"] == 1, keeper)
        until(lambda: stoppable.objects_stored() > 5, keeper)
        stoppable.stop()
        reader.publish(rows=np.arange(1000.0))
        until(lambda: keeper.is_failing, keeper, 60)
        assert "HS_ENDPOINT" in keeper.status()["problem"]
        reader.publish(rows=np.arange(2000.0))
        stoppable.start()
        until(lambda: keeper.status()["version"] == 3, keeper, 60)
        assert len(values()) == 2000
        keeper.end_run(Snapshot(4, "run-1", {"rows": np.arange(3000.0)}))
    finally:
        keeper.close(20)
    assert len(values()) == 3000
    assert keeper.status()["problem"] is None
