"""Devices are found by name, and every one of them is complete."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from beamloom.devices import contrast, stins, xspress3
from beamloom.devices.registry import (
    BrokenDevice,
    UnknownDevice,
    device_names,
    find_device,
    installed_devices,
)
from beamloom.events import _SHIPPED, Packet, find_parser
from beamloom.located_yaml import FileError
from beamloom.pipeline_file import parse_pipeline

SHIPPED = {"contrast": contrast.DEVICE, "stins": stins.DEVICE, "xspress3": xspress3.DEVICE}


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    find_device.cache_clear()
    yield
    find_device.cache_clear()


def test_the_devices_shipped_here_are_found_by_name() -> None:
    assert set(SHIPPED) <= set(device_names())
    for name, device in SHIPPED.items():
        assert find_device(name) is device
        assert device.name == name
        assert "url" in device.settings.__struct_fields__


def test_parsers_shipped_here_are_found_without_looking_through_all_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_parser.cache_clear()
    monkeypatch.delattr(importlib.metadata, "entry_points")
    monkeypatch.delattr(importlib.metadata, "distribution")
    assert find_parser(stins.TYP) is stins.parse


def test_each_parser_that_is_shipped_here_is_found_as_its_entry_point_says() -> None:
    entries = importlib.metadata.distribution("beamloom").entry_points.select(group="beamloom.parsers")
    assert set(_SHIPPED) == entries.names
    for entry in entries:
        assert entry.value == f"beamloom.devices.{_SHIPPED[entry.name]}:parse"


def test_an_unknown_name_is_answered_with_the_closest_one() -> None:
    with pytest.raises(
        UnknownDevice,
        match=r"no device called 'xspres3' \(did you mean 'xspress3'\?\); installed are .*contrast, ",
    ):
        find_device("xspres3")


@pytest.mark.usefixtures("fresh_registry")
def test_an_entry_point_that_names_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = importlib.metadata.EntryPoint("mine", "json:dumps", "beamloom.devices")
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda **_: importlib.metadata.EntryPoints([wrong])
    )
    with pytest.raises(BrokenDevice, match=r"mine = json:dumps .* names a function"):
        find_device("mine")


@pytest.mark.usefixtures("fresh_registry")
def test_a_device_that_cannot_be_imported_is_told_and_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    there = {device.name for device in installed_devices()}
    (tmp_path / "of_another_site.py").write_text("raise RuntimeError('its library is not here')")
    metadata = tmp_path / "of_another_site-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: of-another-site\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[beamloom.devices]\nfoil = of_another_site:DEVICE\n")
    monkeypatch.syspath_prepend(tmp_path)
    sentence = r"'foil' \(of_another_site:DEVICE\) .* RuntimeError: its library is not here; mend the package 'of-another-site'"
    with pytest.raises(BrokenDevice, match=sentence):
        find_device("foil")
    with pytest.raises(FileError, match=sentence):
        parse_pipeline(
            "streams: {foil: {device: foil}}\nworkers: {class: a:B}\nreducer: {class: a:C}\n",
        )
    assert {device.name for device in installed_devices()} == there
    assert re.search(sentence, caplog.text)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_misspelt_setting_of_a_device_is_refused(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `ulr`"):
        msgspec.convert({"url": "tcp://host:1", "ulr": ""}, find_device(name).settings)


@pytest.mark.parametrize(
    ("typ", "device"), [("STINS", "stins"), ("contrast", "contrast"), ("xspress", "xspress3")]
)
def test_the_parser_of_a_type_tag_is_that_of_its_device(typ: str, device: str) -> None:
    assert find_parser(typ) is SHIPPED[device].parse
    for message in SHIPPED[device].generate():
        Packet(typ, list(message)).parse()
