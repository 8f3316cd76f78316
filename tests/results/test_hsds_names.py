"""The names of domains of an HSDS server, where no server is needed."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("h5pyd", reason="needs h5pyd")

from beamloom.results.hsds import _numbered


@pytest.mark.parametrize(
    ("wanted", "second"),
    [
        ("hdf5://home/p3/run.h5", "hdf5://home/p3/run_1.h5"),
        ("hdf5://home/beam.line/run", "hdf5://home/beam.line/run_1"),
        ("hdf5://home/beam.line/run.h5", "hdf5://home/beam.line/run_1.h5"),
    ],
)
def test_a_domain_is_numbered_in_its_own_folder(wanted: str, second: str) -> None:
    assert list(itertools.islice(_numbered(wanted), 2)) == [wanted, second]
