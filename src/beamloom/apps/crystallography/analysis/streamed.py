"""Hits as the reducer hands them to the stream of its process, by the parameters.

Nothing of it may end a run: what is wrong is told in the published tree, and logged once.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from beamloom import UserError
from beamloom.apps.crystallography.analysis.hit_frames import HitFrame
from beamloom.apps.crystallography.analysis.inputs import Given
from beamloom.apps.crystallography.streaming import HitStream, StreamSettings, WhenFull

_MB = 1_000_000

_log = logging.getLogger(__name__)


class Streamed:
    """The hits of one run."""

    def __init__(self, context: dict[Any, Any], run: str) -> None:
        self._context = context
        self._run = run
        self._given: str | None = None
        self._wanted: tuple[Any, ...] = ()
        self._stream: HitStream | None = None
        self.problem = ""

    def update(self, parameters: Any) -> None:
        """Open, close or move the stream where these parameters say so."""
        if parameters.hash == self._given:
            return
        self._given = parameters.hash
        wanted = _wanted(parameters)
        if wanted != self._wanted:
            self._wanted = wanted
            self._open(parameters)
        if self._stream is not None:
            self._stream.tell({name: _told(value.value) for name, value in sorted(parameters.items())})

    def offer(self, hits: Iterable[HitFrame]) -> None:
        """Hand on hits."""
        if self._stream is None:
            return
        for hit in hits:
            self._stream.offer(hit.event, hit.pixels, hit.peaks, hit.info)
            self._stream.show(hit.pixels, hit.peaks, hit.info)

    def tell(self, results: Mapping[str, Any]) -> None:
        """Hand on results to who listens."""
        if self._stream is not None:
            self._stream.publish(results)

    def reset_asked(self) -> bool:
        """Whether one of the programs that hits are streamed to has asked to begin sums anew."""
        return self._stream is not None and self._stream.reset_asked()

    def published(self) -> dict[str, Any] | None:
        """How the streaming goes; None where there is none."""
        if self._stream is None:
            return {"problem": self.problem} if self.problem else None
        return {
            **dataclasses.asdict(self._stream.statistics()),
            "address": self._stream.settings.address,
            "problem": self._stream.failure or "",
        }

    def finish(self) -> None:
        """The run is over; hits that wait are still there for who asks."""
        if self._stream is not None:
            self._stream.finish()

    def _open(self, parameters: Given) -> None:
        self._stream, self.problem = None, ""
        if not str(parameters["responding_url"].value):
            HitStream.close_of(self._context)
            return
        try:
            stream = HitStream.of(self._context, _settings(parameters))
            stream.begin(self._run)
        except (UserError, OSError) as error:
            self.problem = str(error)
            _log.warning("hits are not streamed: %s", error)
        else:
            self._stream = stream


_NAMES = (
    "responding_url",
    "data_broadcast_url",
    "hit_stream_memory",
    "hit_stream_when_full",
    "hit_stream_folder",
    "hit_stream_pixels",
)


def _wanted(parameters: Given) -> tuple[Any, ...]:
    return tuple(parameters[name].value for name in _NAMES)


def _settings(parameters: Given) -> StreamSettings:
    folder = str(parameters["hit_stream_folder"].value)
    return StreamSettings(
        address=str(parameters["responding_url"].value),
        broadcast_address=str(parameters["data_broadcast_url"].value),
        pixels=parameters["hit_stream_pixels"].value,
        memory_bytes=int(parameters["hit_stream_memory"]) * _MB,
        when_full=cast(WhenFull, parameters["hit_stream_when_full"].value),
        folder=Path(folder).expanduser() if folder else None,
    )


def _told(value: Any) -> Any:
    return f"{len(value)} bytes" if isinstance(value, bytes) else value
