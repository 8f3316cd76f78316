"""What can be set. The class has its own configuration in the monitor.yaml; these say which class, which file, and how many nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import yaml

from beamloom import (
    FileParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    ParameterValue,
    StrParameter,
    UserError,
)
from beamloom.apps.om.monitor_parameters import MonitorParameters

Given = Mapping[str, ParameterValue]


class NoMonitorFile(UserError, ValueError):
    """The monitor.yaml cannot be read."""


class Node(NamedTuple):
    """A process as OM counts them: 0 is the one that collects."""

    node_rank: int
    node_pool_size: int


def describe() -> list[Parameter]:
    """All of them, of workers and reducer alike."""
    return [
        StrParameter(name="processing_class", description="the class, as module:Class"),
        FileParameter(name="monitor_file", description="its monitor.yaml"),
        IntParameter(
            name="node_pool_size",
            default=2,
            min=2,
            description="what the class is told: the workers, and the node that collects",
        ),
        StrParameter(
            name="detector_stream", description="stream of the detector; empty: the one stream that sends images"
        ),
        FloatParameter(
            name="fallback_beam_energy_in_eV", min=0, unit="eV", description="given as beam_energy; 0: that of the monitor.yaml"
        ),
        FloatParameter(
            name="fallback_detector_distance_in_mm",
            min=0,
            unit="mm",
            description="given as detector_distance; 0: that of the monitor.yaml",
        ),
        FloatParameter(
            name="waiting_interval", default=0.05, min=0.001, unit="s", description="between two calls of wait_for_data"
        ),
        StrParameter(
            name="feedback_url",
            description="where workers on other machines get feedback, as tcp://reducer.example.org:5556; empty: on this machine",
        ),
    ]  # fmt: skip


def monitor_parameters(given: Given) -> MonitorParameters:
    """The content of the monitor.yaml; empty where none is named. Raises NoMonitorFile."""
    name = str(given["monitor_file"].value)
    sent: bytes = given["monitor_file_file"].value
    if not sent and not name:
        return MonitorParameters({})
    try:
        text = sent or _content(name)
        groups = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise NoMonitorFile(f"{name or 'monitor_file'} is no YAML: {error}") from None
    if not isinstance(groups, dict):
        raise NoMonitorFile(f"{name or 'monitor_file'} has no groups; give a monitor.yaml")
    return MonitorParameters(groups, file=name or "monitor.yaml")


def _content(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError as error:
        raise NoMonitorFile(
            f"monitor_file: {name} cannot be read by this process ({error.strerror}); give a path that it sees, "
            "or send the content as monitor_file_file"
        ) from None


def fallback(given: Given, configured: MonitorParameters, name: str) -> float | None:
    """The value of a quantity that no stream tells; None where it is nowhere."""
    value = float(given[name]) or configured.get_parameter(
        group="data_retrieval_layer", parameter=name, parameter_type=float
    )
    return None if not value else float(value)
