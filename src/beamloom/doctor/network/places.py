"""Where the processes of a pipeline say that they are to be reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec


class Place(msgspec.Struct, frozen=True):
    """One address of one process."""

    process: str
    host: str
    """The name of its machine."""
    url: str
    """``tcp://`` of its mailbox, ``http://`` or ``https://`` of what it serves."""

    @property
    def name(self) -> str:
        """The host in its address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port in its address; 0 where there is none."""
        try:
            return urlsplit(self.url).port or 0
        except ValueError:
            return 0


def places_of(config: Mapping[str, Any]) -> list[Place]:
    """All addresses in what a controller says of its processes (``/api/v1/config``)."""
    return list(_places(config))


def _places(config: Mapping[str, Any]) -> Iterator[Place]:
    singles = [one for one in (config.get("controller"), config.get("reducer")) if one]
    several: Iterable[Mapping[str, Any]] = (*config.get("ingesters", ()), *config.get("workers", ()))
    for process in (*singles, *several):
        for url in (process.get("url"), process.get("http")):
            if url:
                yield Place(str(process["name"]), str(process.get("host", "")), str(url))
