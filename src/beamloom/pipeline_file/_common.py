"""What the checks of a pipeline file share: names, and the settings that may stand under ``settings:``."""

from __future__ import annotations

import re

from beamloom.settings import Setting, all_settings, settings_of

STREAM_NAME = re.compile(r"[\w.-]+")
"""What a stream may be called: it becomes part of process names and file names."""

ELSEWHERE = frozenset(
    {
        "name",
        "controller",
        "bind",
        "advertise",
        "http_host",
        "health_port",
        "http_port",
        "mailbox_port",
        "data_port",
        "streams",
        "worker_class",
        "reducer_class",
        "tags",
        "analysis_path",
        "detectors",
        "keep_events",
        "sample",
        "parameters",
        "parameters_file",
        "record_prefix",
        "arming_map",
        "arming_streams",
        "run_rules",
        "rules_path",
    }
)
"""Settings that the pipeline file gives through other keys, or that the supervisor gives."""


def common_settings() -> dict[str, Setting]:
    """The settings that a pipeline file takes under ``settings``, by name."""
    return {
        name: setting
        for kind in all_settings().values()
        for name, setting in settings_of(kind).items()
        if name not in ELSEWHERE
    }
