"""Every setting of every process: what it is called, what it means, and where its value comes from.

A value given on the command line wins over the environment, the environment over a settings file, the file over the default.
"""

from beamloom.settings._controller import ControllerSettings
from beamloom.settings._existing import existing_notes
from beamloom.settings._fields import Setting, all_settings, expectation, field_docstrings, settings_of
from beamloom.settings._front import NAME_PATTERN, FrontSettings
from beamloom.settings._ingester import STREAM_KEYS, IngesterSettings, StreamSettings
from beamloom.settings._process import ClassName, ProcessSettings, ServiceSettings, port_range
from beamloom.settings._reducer import ReducerSettings
from beamloom.settings._reference import settings_markdown
from beamloom.settings._resolve import (
    SettingsError,
    Sourced,
    read_settings_file,
    resolve,
    suspicious_variables,
)
from beamloom.settings._rules_service import RulesSettings
from beamloom.settings._run_rules import RunRule, named_rules
from beamloom.settings._worker import DebugWorkerSettings, ShadowWorkerSettings, WorkerSettings

__all__ = [
    "NAME_PATTERN",
    "STREAM_KEYS",
    "ClassName",
    "ControllerSettings",
    "DebugWorkerSettings",
    "FrontSettings",
    "IngesterSettings",
    "ProcessSettings",
    "ReducerSettings",
    "RulesSettings",
    "RunRule",
    "ServiceSettings",
    "Setting",
    "SettingsError",
    "ShadowWorkerSettings",
    "Sourced",
    "StreamSettings",
    "WorkerSettings",
    "all_settings",
    "existing_notes",
    "expectation",
    "field_docstrings",
    "named_rules",
    "port_range",
    "read_settings_file",
    "resolve",
    "settings_markdown",
    "settings_of",
    "suspicious_variables",
]
