"""What else a new analysis has: its pipeline file, its page, and how its tests are run."""

from __future__ import annotations

import json
from collections.abc import Sequence

from beamloom.scaffolding.seen import Seen

IGNORED = "__pycache__/\n.pytest_cache/\n.venv/\nout/\n"
PROJECT = """\
[project]
name = "{name}"
version = "0.1.0"
description = "An analysis by Beamloom"
requires-python = ">=3.11"
dependencies = ["beamloom"]

[project.optional-dependencies]
test = ["pytest"]

[tool.setuptools]
py-modules = ["worker", "reducer"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]

[tool.ruff]
line-length = 110
"""
PIPELINE = """\
# The processes of the live pipeline: 'beamloom up pipeline.yaml' starts them.
name: {name}
streams:
{streams}workers: {{class: "worker:Worker", count: 2}}
reducer: {{class: "reducer:Reducer", http: "127.0.0.1:5001"}}
controller: {{http: "127.0.0.1:5000"}}
parameters: parameters.json
"""
README = """\
# {name}

An analysis that [Beamloom](https://pypi.org/project/beamloom/) runs: live, in a replay of recordings, and again later.

| file | what it is |
|---|---|
| `worker.py` | the map: what one event says |
| `reducer.py` | the reduce: what is published of all events |
| `parameters.json` | values of the parameters that `worker.py` describes |
| `pipeline.yaml` | the processes of a live pipeline |
| `tests/` | what has to be true |
| {material} |

## The streams

{streams}
## Work on it

All commands are typed in this folder.

```
pip install -e '.[test]'
python -m pytest
beamloom replay -w worker:Worker -r reducer:Reducer {source} -p parameters.json --port 5010 --keep-alive
beamloom check -w worker:Worker -r reducer:Reducer {source} -p parameters.json
beamloom bench -w worker:Worker -r reducer:Reducer {source} -p parameters.json
```

The first replays and shows the results on a page; with `--watch` in place of `--keep-alive` it does so again whenever a file
is saved. The second tries other orders of events and other numbers of workers, the third tells how many events per second
the analysis carries.

## Live

{live}
```
beamloom up pipeline.yaml
```

The dashboard is at http://127.0.0.1:5000. The scan software arms a run by its trigger map; from Python:

```python
import beamloom

with beamloom.connect("http://127.0.0.1:5000") as pipeline:
    pipeline.arm(beamloom.triggermap.uniform({names}, 100))
```
"""


def parameters_text(streams: Sequence[Seen]) -> str:
    """``parameters.json``."""
    values = {f"{one.variable}_threshold": one.middle for one in streams if one.attribute and one.readable}
    return json.dumps(values, indent=2) + "\n"


def pipeline_text(name: str, streams: Sequence[Seen], *, recorded: bool) -> str:
    """``pipeline.yaml``."""
    lines = []
    for number, one in enumerate(streams):
        key = json.dumps(one.name)
        device = one.device
        if not recorded or device is None:
            unknown = (
                ""
                if not recorded
                else f"  # no device is known for {one.typ}: a made-up one stands in its place"
            )
            lines.append(
                f"  {key}: {{device: generator, kind: images, items: 100, shape: [64, 64], rate: 50}}{unknown}\n"
            )
        else:
            lines.append(
                f'  {key}: {{device: {device}, url: "tcp://127.0.0.1:{9990 + number}"}}  # its address\n'
            )
    return PIPELINE.format(name=json.dumps(name), streams="".join(lines))


def readme_text(name: str, streams: Sequence[Seen], *, recorded: bool) -> str:
    """``README.md``."""
    told = []
    for one in streams:
        line = f"- `{one.name}`: packets of the type {one.typ}"
        if not one.readable:
            line += ", which cannot be read one by one: see the page of their device"
        elif one.attribute:
            shape = "of changing shape" if one.shape is None else " x ".join(map(str, one.shape))
            line += f"; `{one.attribute}` is {one.dtype}, {shape}"
        if one.readable and one.numbers:
            line += f"; numbers: {', '.join(f'`{number}`' for number in one.numbers)}"
        told.append(line + "\n")
    source = "-f recordings/*.cbors*" if recorded else "-s simulation:Simulation"
    return README.format(
        name=name,
        material="`recordings/` | what tests and replays read"
        if recorded
        else "`simulation.py` | a series that is known, for tests and replays",
        streams="".join(told),
        source=source,
        live="Write the addresses of your devices into `pipeline.yaml`, then\n"
        if recorded
        else "The pipeline file has a camera that is made up; name your devices there.\n",
        names=json.dumps([one.name for one in streams]),
    )


def project_text(name: str) -> str:
    """``pyproject.toml``."""
    return PROJECT.format(name=name)
