"""A pipeline that has measured something that can be shown: for the scripts in docs/pictures/."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import beamloom
from beamloom.devices.registry import find_device
from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import LocalPlacement

SECONDS = 120.0
"""In which a run has to come to its end."""


@contextmanager
def measured(
    app: str,
    series: Mapping[str, tuple[str, Iterable[Sequence[bytes]]]],
    trigger_map: Any,
    *,
    worker: str = "Worker",
    parameters: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Run the app over what simulated devices send, by stream their name and messages; gives the address of the controller."""
    with ExitStack() as leaving:
        folder = leaving.enter_context(tempfile.TemporaryDirectory())
        streams, playing = {}, []
        for stream, (device, messages) in series.items():
            simulator = find_device(device).simulator("tcp://127.0.0.1:*")
            leaving.callback(simulator.close)
            playing.append((simulator.play, list(messages)))
            streams[stream] = {"device": device, "url": simulator.url}
        text = json.dumps(
            {
                "streams": streams,
                "workers": {"class": f"beamloom.apps.{app}:{worker}", "count": 2},
                "reducer": {"class": f"beamloom.apps.{app}:Reducer", "http": "127.0.0.1:0"},
                "controller": {"http": "127.0.0.1:0"},
                "parameters": dict(parameters or {}),
            }
        )
        placement = leaving.enter_context(
            LocalPlacement(parse_pipeline(text, folder=Path(folder)), quiet=True)
        )
        placement.wait_ready(SECONDS)
        with beamloom.connect(placement.controller_url) as pipeline:
            pipeline.arm(trigger_map)
            for play, messages in playing:
                threading.Thread(target=play, args=(messages,), daemon=True).start()
            pipeline.wait(SECONDS)
        yield placement.controller_url
