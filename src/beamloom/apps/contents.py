"""The content of a file that a parameter names: what was sent along with the parameters, else what is on disk under its path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from beamloom import ParameterValue, UserError


def content_of(parameters: Mapping[str, ParameterValue], name: str) -> bytes | None:
    """The content of the file parameter ``name``; None where neither a path nor a content was given. Raises UserError."""
    sent: bytes = parameters[f"{name}_file"].value
    path = str(parameters[name].value)
    if sent or not path:
        return sent or None
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UserError(
            f"{name}: {path} cannot be read by this process ({error.strerror}); give a path that it sees, or send the content as "
            f"{name}_file"
        ) from None
