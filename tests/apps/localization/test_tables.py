"""Tables come back from files as they were, and others read them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet
import pytest

from apps.localization.series import EMCCD
from beamloom import UserError
from beamloom.apps.localization import Simulation, linked, localize, molecules, read_table, write_table
from beamloom.apps.localization.tables import H5R
from support.environments import python_with

SIMULATION = Simulation(seed=3, frames=30, camera=EMCCD, photons=3000)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    found = localize(SIMULATION.stack(), SIMULATION.settings())
    assert len(found) > 100
    return found


@pytest.mark.parametrize("ending", ["h5", "h5r", "parquet"])
def test_a_table_comes_back_as_it_was(tmp_path: Path, table: np.ndarray, ending: str) -> None:
    path = tmp_path / "deeper" / f"cells.{ending}"
    about = {"sample": "C-17", "frames": [0, 30]}
    assert write_table(path, table, about, settings=SIMULATION.settings()) == path
    back, metadata = read_table(path)
    assert back.dtype == table.dtype
    assert np.array_equal(back, table)
    assert metadata["sample"] == "C-17"
    assert metadata["frames"] == [0, 30]
    assert metadata["Camera.TrueEMGain"] == 200
    write_table(path, table[:0], settings=SIMULATION.settings())
    assert len(read_table(path)[0]) == 0
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_molecules_are_tables_too(tmp_path: Path, table: np.ndarray) -> None:
    found = molecules(table, linked(table))
    for ending in ("h5", "parquet"):
        write_table(tmp_path / f"m.{ending}", found)
        assert np.array_equal(read_table(tmp_path / f"m.{ending}")[0], found)


def test_an_h5r_file_has_the_columns_and_metadata_that_its_readers_expect(
    tmp_path: Path,
    table: np.ndarray,
) -> None:
    settings = SIMULATION.settings()
    write_table(tmp_path / "a.h5r", table, settings=settings)
    with h5py.File(tmp_path / "a.h5r") as file:
        fits = file["FitResults"][...]
        described = file["MetaData"]
        assert described["voxelsize"].attrs["x"] == pytest.approx(0.1)
        assert described["Camera"].attrs["ElectronsPerCount"] == 10
        assert described["Camera"].attrs["NoiseFactor"] == pytest.approx(2**0.5)
    assert fits.dtype == H5R
    assert np.array_equal(fits["tIndex"], table["frame"])
    assert np.array_equal(fits["fitResults"]["x0"], table["x"])
    # Readers take the photons from A by 2 pi A (sigma / pixel)² · electrons per count / gain.
    sigma = fits["fitResults"]["sigma"] / 100
    photons = 2 * np.pi * fits["fitResults"]["A"] * sigma**2 * 10 / 200
    assert photons == pytest.approx(table["photons"], rel=1e-5)
    ok = table["status"] == 0
    assert (fits["resultCode"][ok] == 1).all()
    assert np.array_equal(fits["fitError"]["x0"][ok], table["crlb_x"][ok])
    assert (fits["fitError"]["x0"][~ok] == -5000).all()
    inside = (table["edge"] == 0) & ok
    used = fits["slicesUsed"]["x"][inside]
    assert (used["start"] <= sigma[inside] * 0 + table["x"][inside] / 100).all()
    assert (used["stop"] - used["start"] == 2 * settings.half + 1).all()


READ_BY_PYTABLES = """
import json, sys, tables
with tables.open_file(sys.argv[1]) as file:
    fits = file.root.FitResults
    print(json.dumps({
        "rows": int(fits.nrows),
        "columns": fits.colnames,
        "frames": fits.cols.tIndex[:].tolist(),
        "x0": fits.cols.fitResults.x0[:].tolist(),
        "bright": len(fits.read_where("resultCode == 1")),
        "voxel": float(file.root.MetaData.voxelsize._v_attrs.x),
    }))
"""


@pytest.mark.installs
@pytest.mark.timeout(240)
def test_an_h5r_file_is_a_table_to_pytables_which_its_readers_use(
    tmp_path: Path, table: np.ndarray, repository: Path
) -> None:
    python = python_with(repository, "tables", "3.10.2")
    path = write_table(tmp_path / "a.h5r", table, settings=SIMULATION.settings())
    ended = subprocess.run(
        [str(python), "-c", READ_BY_PYTABLES, str(path)], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["rows"] == len(table)
    assert found["columns"] == list(H5R.names or ())
    assert found["frames"] == table["frame"].tolist()
    assert np.array_equal(np.array(found["x0"], table["x"].dtype), table["x"])
    assert found["bright"] == np.count_nonzero(table["status"] == 0)
    assert found["voxel"] == pytest.approx(0.1)


def test_a_parquet_file_has_units_for_who_reads_it_without_beamloom(
    tmp_path: Path, table: np.ndarray
) -> None:
    write_table(tmp_path / "a.parquet", table)
    schema = pyarrow.parquet.read_schema(tmp_path / "a.parquet")
    assert schema.field("x").metadata[b"units"] == b"nm"
    assert b"Cram" in schema.field("crlb_x").metadata[b"meaning"]


def test_what_cannot_be_written_or_read_is_said(tmp_path: Path, table: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"use \.h5, \.h5r or \.parquet"):
        write_table(tmp_path / "a.csv", table)
    with pytest.raises(UserError, match="the settings they were made with"):
        write_table(tmp_path / "a.h5r", table)
    with h5py.File(tmp_path / "other.h5", "w"):
        pass
    with pytest.raises(UserError, match="has no table 'localizations'"):
        read_table(tmp_path / "other.h5")
    assert not (tmp_path / "a.h5r").exists()
