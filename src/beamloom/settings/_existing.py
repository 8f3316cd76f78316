"""What the variables of existing dranspose deployments say that are no setting by themselves: an address for three, a file for a prefix.

Those that are one setting in other words are among that setting's variables. A setting's own variables win over what is here, and this
wins over a settings file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from beamloom.settings._ingester import IngesterSettings
from beamloom.settings._process import ProcessSettings
from beamloom.settings._reducer import ReducerSettings

ADDRESSES: dict[type[ProcessSettings], str] = {
    IngesterSettings: "INGESTER_URL",
    ReducerSettings: "REDUCER_URL",
}
"""The variable that has the port and the address that others are told, by the kind of process."""
ENDINGS = re.compile(r"(\.(pkls|cbors))?(\.gz)?$")
ANYWHERE = ("*", "0.0.0.0")
HERE = ("localhost", "127.0.0.1")


def existing_values(
    kind: type[ProcessSettings], environment: Mapping[str, str]
) -> dict[str, tuple[Any, str]]:
    """Values by setting, each with the variable that it comes from. Raises ValueError with a sentence."""
    found: dict[str, tuple[Any, str]] = {}
    variable = ADDRESSES.get(kind)
    if variable and environment.get(variable):
        found |= {
            name: (value, variable) for name, value in _address(variable, environment[variable]).items()
        }
    if kind is IngesterSettings and (path := environment.get("DUMP_PATH")):
        found["record_prefix"] = (f"{ENDINGS.sub('', path, count=1)}-", "DUMP_PATH")
    return found


def existing_notes(kind: type[ProcessSettings], environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that is understood in another way than where it comes from."""
    path = environment.get("DUMP_PATH")
    if kind is not IngesterSettings or not path or environment.get("BEAMLOOM_RECORD_PREFIX"):
        return []
    prefix, _ = existing_values(kind, environment)["record_prefix"]
    return [
        f"DUMP_PATH is {path}, and each run is recorded to a file of its own instead of behind the others in one: {prefix}NAME-RUN.cbors; "
        "say BEAMLOOM_RECORD_PREFIX to choose how they begin"
    ]


def _address(variable: str, text: str) -> dict[str, Any]:
    """Where to listen, and what to tell others."""
    problem = f"{variable} is {text!r}, but it takes an address such as tcp://ingester.example:10010"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{problem} ({error})") from error
    if parts.scheme != "tcp" or not host or not port:
        raise ValueError(problem)
    if host in HERE:
        return {"bind": "127.0.0.1", "data_port": port}
    told = {} if host in ANYWHERE else {"advertise": host}
    return {"bind": "0.0.0.0", "data_port": port, **told}
