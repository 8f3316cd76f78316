"""What the commands that are one process of a pipeline have in common: flags from the settings, logging, the service."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from beamloom.cli import logs
from beamloom.cli.open_files import allow_many_files
from beamloom.cli.time_slices import take_turns
from beamloom.lifeline import die_with
from beamloom.settings import (
    ProcessSettings,
    Setting,
    existing_notes,
    read_settings_file,
    resolve,
    settings_of,
    suspicious_variables,
)

S = TypeVar("S", bound=ProcessSettings)

OF_TAKING_PART = frozenset(
    {
        "advertise",
        "bind",
        "health_port",
        "heartbeat_interval",
        "heartbeat_timeout",
        "keys",
        "mailbox_open",
        "ports",
    }
)
"""Settings of every process of a pipeline that mean nothing to one that takes part in none."""


def add_settings(
    parser: argparse.ArgumentParser,
    kind: type[ProcessSettings],
    aliases: Mapping[str, Iterable[str]],
    leave_out: frozenset[str] = frozenset(),
) -> None:
    """One flag per setting but those to leave out; ``aliases`` gives further spellings of some, by the setting's name."""
    parser.usage = "%(prog)s [settings]"
    group = parser.add_argument_group("settings (flag over variable over --settings file over default)")
    for setting in settings_of(kind).values():
        if setting.name not in leave_out:
            _add_flag(group, setting, aliases.get(setting.name, ()))
    parser.add_argument(
        "--settings",
        metavar="FILE",
        default=os.environ.get("BEAMLOOM_SETTINGS"),
        help="YAML file with settings by name (variable BEAMLOOM_SETTINGS)",
    )
    # Set by the supervisor; a person has no use for it.
    parser.add_argument("--die-with-parent", metavar="PID", type=int, help=argparse.SUPPRESS)


def _add_flag(group: Any, setting: Setting, aliases: Iterable[str]) -> None:
    default = (
        f"default {setting.default}{' ' + setting.unit if setting.unit else ''}, " if setting.default else ""
    )
    text = f"{setting.description} ({default}{', '.join(setting.variables)})".replace("%", "%%")
    flags = [*aliases, setting.flag]
    if setting.annotation is bool or "true or false" in setting.expects:
        group.add_argument(
            *flags, dest=setting.name, action=argparse.BooleanOptionalAction, default=None, help=text
        )
    else:
        group.add_argument(*flags, dest=setting.name, metavar=_metavar(setting), help=text)


def _metavar(setting: Setting) -> str:
    if setting.expects.startswith("one of "):
        return "|".join(setting.expects.removeprefix("one of ").split(", "))
    words = {"class": "MODULE:CLASS", "file": "FILE", "path": "FOLDER", "port": "PORT", "tags": "TAG,TAG"}
    ending = setting.name.rpartition("_")[2]
    if setting.unit == "s":
        return "SECONDS"
    return words.get(ending, ending.upper())


def settings_from(kind: type[S], arguments: argparse.Namespace, given: Mapping[str, Any] | None = None) -> S:
    """The resolved settings of a service command; ``given`` replaces flags that the command reads itself."""
    flags = {name: getattr(arguments, name, None) for name in settings_of(kind)} | dict(given or {})
    file = read_settings_file(arguments.settings) if arguments.settings else None
    return resolve(kind, flags, os.environ, file)


def serve(service: str, settings: ProcessSettings, arguments: argparse.Namespace, **more: Any) -> int:
    """Run a service in this process until it is told to end; returns its exit status. ``more`` is what this service takes besides."""
    supervised = arguments.die_with_parent is not None
    if supervised:
        die_with(arguments.die_with_parent)
    logs.start(settings.name, settings.log_level, supervised=supervised)
    allow_many_files()
    take_turns()
    kind = type(settings)
    for sentence in (*suspicious_variables(kind, os.environ), *existing_notes(kind, os.environ)):
        logging.getLogger("beamloom.cli").warning(sentence)
    from beamloom.services.shell.health import health_of
    from beamloom.services.shell.whereabouts import with_controller

    with health_of(settings) as health:
        status: int = importlib.import_module(f"beamloom.services.{service}").serve(
            with_controller(settings), health=health, **more
        )
    return status
