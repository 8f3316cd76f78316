"""A pipeline that has measured something that can be shown: for the scripts in docs/pictures/."""

from __future__ import annotations

import json
import re
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


FILE = re.compile(r"^```\w+ title=\"([^\"]+\.py)\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write_files(tutorial: str, folder: Path) -> None:
    """The Python files that the page has its reader write."""
    page = Path(__file__).parent / "tutorials" / f"{tutorial}.md"
    for name, text in FILE.findall(page.read_text(encoding="utf-8")):
        (folder / name).write_text(text, encoding="utf-8")


@contextmanager
def measured(
    app: str,
    series: Mapping[str, tuple[str, Iterable[Sequence[bytes]]]],
    trigger_map: Any,
    *,
    worker: str = "Worker",
    parameters: Mapping[str, Any] | None = None,
    tutorial: str = "",
) -> Iterator[str]:
    """Run the app over what simulated devices send, by stream their name and messages; gives the address of the controller.

    Of a ``tutorial`` it is the analysis of that name which the page shows.
    """
    with ExitStack() as leaving:
        folder = leaving.enter_context(tempfile.TemporaryDirectory())
        module = app if tutorial else f"beamloom.apps.{app}"
        if tutorial:
            write_files(tutorial, Path(folder))
        streams, playing = {}, []
        for stream, (device, messages) in series.items():
            simulator = find_device(device).simulator("tcp://127.0.0.1:*")
            leaving.callback(simulator.close)
            playing.append((simulator.play, list(messages)))
            streams[stream] = {"device": device, "url": simulator.url}
        text = json.dumps(
            {
                "streams": streams,
                "workers": {"class": f"{module}:{worker}", "count": 2},
                "reducer": {"class": f"{module}:Reducer", "http": "127.0.0.1:0"},
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
