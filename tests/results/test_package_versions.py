"""The versions of installed packages, which a record of a run names."""

from __future__ import annotations

from importlib import metadata

from beamloom.results.record import package_versions


def test_all_installed_packages_are_named_with_their_versions() -> None:
    versions = package_versions()
    assert set(versions) == {one.metadata["Name"] for one in metadata.distributions()}
    assert {name: metadata.version(name) for name in versions} == versions
