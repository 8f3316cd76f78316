"""Where a setting's value comes from, and what is said when it is wrong.

Each source gives raw values together with where they stand, so that a wrong one is reported by the name of its flag, of its
variable, or by file and line. All wrong values are reported together.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from beamloom.errors import UsageError, did_you_mean
from beamloom.settings._existing import existing_values
from beamloom.settings._fields import Setting, settings_of
from beamloom.settings._ingester import STREAM_KEYS, StreamSettings
from beamloom.settings._process import ProcessSettings

S = TypeVar("S", bound=ProcessSettings)


class SettingsError(UsageError):
    """One sentence, on a line of its own, for each setting that cannot be right."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Sourced(msgspec.Struct, frozen=True):
    """A raw value and where it stands: ``--flag``, the name of a variable, or ``file:line``."""

    value: Any
    origin: str


def resolve(
    kind: type[S],
    command_line: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Mapping[str, Sourced] | None = None,
) -> S:
    """The settings of one process: command line over environment over file over default.

    ``command_line`` holds values by field name, None where the flag was not given; text is read as the field's type.
    ``environment`` is searched for ``BEAMLOOM_<FIELD>`` and the field's other variables, then for what existing deployments have; an empty
    variable counts as unset.
    Raises SettingsError that names every wrong, unknown or missing setting.
    """
    known = settings_of(kind)
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, sourced in (file or {}).items():
        if name not in known:
            problems.append(f"{sourced.origin}: unknown key {name!r}{did_you_mean(name, known)}")
    behind = dict(file or {})
    try:
        existing = existing_values(kind, environment)
        behind |= {name: Sourced(value, variable) for name, (value, variable) in existing.items()}
    except ValueError as error:
        problems.append(str(error))
    for setting in known.values():
        given = _from_sources(setting, command_line, environment, behind)
        if given is None:
            if setting.required:
                problems.append(_missing(setting))
            continue
        try:
            values[setting.name] = _read(setting, given.value, environment)
        except ValueError as error:
            problems.append(_wrong(setting, given, error))
    if problems:
        raise SettingsError(problems)
    try:
        return kind(**values)
    except ValueError as error:
        raise SettingsError([str(error)]) from error


def read_settings_file(path: str | Path) -> dict[str, Sourced]:
    """The values in a YAML or JSON settings file, each with its line; raises UsageError for a file that cannot be read."""
    # Most processes get their settings from flags and the environment, and need no YAML.
    from beamloom.located_yaml import read_yaml

    root = read_yaml(Path(path))
    if not isinstance(root.value, dict):
        raise UsageError(f"{path}: a settings file holds keys and values, such as 'heartbeat_timeout: 2.0'")
    return {key.text: Sourced(item.plain(), f"{path}:{key.line}") for key, item in root.value.items()}


def suspicious_variables(kind: type[ProcessSettings], environment: Mapping[str, str]) -> list[str]:
    """A sentence for each ``BEAMLOOM_`` variable that no setting reads but that is spelt almost like one that does."""
    variables = {variable for setting in settings_of(kind).values() for variable in setting.variables}
    sentences = []
    for name in sorted(environment):
        if name.startswith("BEAMLOOM_") and name not in variables:
            close = difflib.get_close_matches(name, variables, n=1, cutoff=0.9)
            if close:
                sentences.append(f"the variable {name} is not read by anything; did you mean {close[0]}?")
    return sentences


def _from_sources(
    setting: Setting,
    command_line: Mapping[str, Any],
    environment: Mapping[str, str],
    behind: Mapping[str, Sourced],
) -> Sourced | None:
    if command_line.get(setting.name) is not None:
        return Sourced(command_line[setting.name], setting.flag)
    for variable in setting.variables:
        if environment.get(variable):
            return Sourced(environment[variable], variable)
    return behind.get(setting.name)


def _wrong(setting: Setting, given: Sourced, error: Exception) -> str:
    reason = "" if isinstance(error, msgspec.ValidationError) or not str(error) else f" ({error})"
    subject = f"{given.origin}: {setting.name!r}" if ":" in given.origin else given.origin
    return f"{subject} is {given.value!r}, but it takes {setting.expects}{reason}"


def _missing(setting: Setting) -> str:
    return (
        f"{setting.name!r} is not given; it takes {setting.expects}. "
        f"Give it with {setting.flag} or the variable {setting.variables[0]}."
    )


def _read(setting: Setting, raw: Any, environment: Mapping[str, str]) -> Any:
    value = _from_text(setting.annotation, raw) if isinstance(raw, str) else raw
    if setting.name == "streams":
        value = _nest_streams(value, environment)
    return msgspec.convert(value, setting.annotation, strict=not isinstance(raw, str))


def _from_text(annotation: Any, text: str) -> Any:
    """Text of a flag or variable, made ready for ``msgspec.convert``: JSON or comma-separated lists, JSON mappings."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _from_text(typing.get_args(annotation)[0], text)
    if origin is Literal:
        spelt = {str(choice).lower(): choice for choice in typing.get_args(annotation)}
        return spelt.get(text.lower(), text)
    if origin in (tuple, list):
        if text.lstrip().startswith("["):
            return _json(text)
        return [item.strip() for item in text.split(",") if item.strip()]
    if origin is dict:
        return _json(text)
    if annotation is bool:
        words = {"yes": "true", "on": "true", "no": "false", "off": "false"}
        return words.get(text.lower(), text)
    return text


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"not valid JSON: {error}") from error


def _nest_streams(value: Any, environment: Mapping[str, str]) -> Any:
    """Streams as people write them, device and the device's keys side by side, sorted into StreamSettings."""
    if isinstance(value, list):
        return _streams_by_name(value, environment)
    if not isinstance(value, dict):
        return value
    nested: dict[str, Any] = {}
    for name, stream in value.items():
        if isinstance(stream, StreamSettings):
            nested[name] = msgspec.structs.asdict(stream)
            continue
        if not isinstance(stream, dict) or not isinstance(stream.get("device"), str):
            raise ValueError(f"the stream {name!r} does not name its device")
        own = {"device", *STREAM_KEYS}
        nested[name] = {
            **{key: item for key, item in stream.items() if key in own},
            "options": {key: item for key, item in stream.items() if key not in own},
        }
    return nested


def _streams_by_name(names: list[Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The spelling of existing deployments: a list with one name, and the address in UPSTREAM_URL."""
    url, device = environment.get("UPSTREAM_URL"), environment.get("BEAMLOOM_DEVICE")
    if len(names) != 1 or not isinstance(names[0], str) or not url or not device:
        raise ValueError(
            "a list of names needs exactly one name, the address in UPSTREAM_URL and the device in BEAMLOOM_DEVICE"
        )
    return {names[0]: {"device": device, "options": {"url": url}}}
