"""The settings that may stand under ``settings:`` in a pipeline file: all that have no key of their own there."""

from __future__ import annotations

from beamloom.settings import Setting, all_settings, settings_of

ELSEWHERE = frozenset(
    {
        "name",
        "controller",
        "bind",
        "advertise",
        "http_host",
        "http_port",
        "mailbox_port",
        "streams",
        "worker_class",
        "reducer_class",
        "tags",
        "analysis_path",
        "keep_events",
        "parameters",
        "parameters_file",
        "record_prefix",
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
