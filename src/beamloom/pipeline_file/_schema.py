"""The pipeline file described for editors (JSON schema) and for people (Markdown), with the keys of installed devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from beamloom.dask_clusters import Job
from beamloom.detectors.geometry import Detector, Tile
from beamloom.devices.registry import find_device, installed_devices
from beamloom.pipeline_file._common import common_settings
from beamloom.pipeline_file._shape import (
    Arming,
    Controller,
    Dask,
    DebugWorker,
    Pipeline,
    Recording,
    Reducer,
    WorkerGroup,
)
from beamloom.settings import STREAM_KEYS, RunRule, Setting, StreamSettings, field_docstrings, settings_of

REFERENCES = "#/$defs/{name}"


def json_schema() -> dict[str, Any]:
    """A JSON schema (2020-12) of the pipeline file; an editor that knows it completes and checks while one types."""
    kinds = {device.name: device.settings for device in installed_devices()}
    common = msgspec.defstruct(
        "Settings",
        [(name, setting.annotation, msgspec.UNSET) for name, setting in common_settings().items()],
        kw_only=True,
        forbid_unknown_fields=True,
    )
    (_, *device_references, common_reference), definitions = msgspec.json.schema_components(
        [Pipeline, *kinds.values(), common], ref_template=REFERENCES
    )
    streams = []
    for (name, _), reference in zip(kinds.items(), device_references, strict=True):
        streams.append(_stream_schema(name, definitions[reference["$ref"].rpartition("/")[2]]))
    for definition in definitions.values():
        if definition.get("type") == "object":
            definition["additionalProperties"] = False
    definitions["StreamSettings"] = {"title": "Stream", "anyOf": streams}
    pipeline = definitions.pop("Pipeline")
    pipeline["properties"]["settings"] |= common_reference
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **pipeline, "$defs": definitions}


def _stream_schema(name: str, device: dict[str, Any]) -> dict[str, Any]:
    written = field_docstrings(find_device(name).settings)
    keys = {
        key: {**schema, "description": schema.get("description", written.get(key, ""))}
        for key, schema in device["properties"].items()
    }
    return {
        **device,
        "title": find_device(name).title,
        "properties": {"device": {"const": name}, **_common_keys(), **keys},
        "required": ["device", *device.get("required", [])],
        "additionalProperties": False,
    }


def _common_keys() -> dict[str, Any]:
    properties: dict[str, Any] = msgspec.json.schema(StreamSettings)["$defs"]["StreamSettings"]["properties"]
    return {key: schema for key, schema in properties.items() if key in STREAM_KEYS}


def markdown() -> str:
    """The keys of the pipeline file as Markdown tables, one for each mapping in it."""
    return "\n".join(_sections())


def _sections() -> Iterator[str]:
    yield "## The file\n"
    yield _table(settings_of(Pipeline))
    for key, kind in (
        ("detectors", Detector),
        ("tiles", Tile),
        ("workers", WorkerGroup),
        ("reducer", Reducer),
        ("debugworker", DebugWorker),
        ("controller", Controller),
        ("recording", Recording),
        ("arming", Arming),
        ("rules", RunRule),
        ("dask", Dask),
        ("job", Job),
    ):
        yield f"## `{key}`\n"
        yield _table(settings_of(kind))
    yield "## `settings`\n"
    yield _table(common_settings())
    yield "## Any stream\n"
    yield _table({key: one for key, one in settings_of(StreamSettings).items() if key in STREAM_KEYS})
    for device in installed_devices():
        yield f"## A stream with `device: {device.name}`\n"
        yield f"{device.title}\n"
        yield _table(settings_of(device.settings))


def _table(settings: dict[str, Setting]) -> str:
    lines = ["| key | takes | default | meaning |", "|---|---|---|---|"]
    for setting in settings.values():
        default = "required" if setting.required else f"`{setting.default}`" if setting.default else ""
        cells = (f"`{setting.key}`", setting.expects, default, setting.description)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
