"""Read and set the parameters of a pipeline.

`get` prints them all, or those that are named; `set` changes several at the same event, all of them or, where one is refused, none.
NAME=@PATH sends the content of a file.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beamloom.cli._pipelines import add_url_option, pipeline_at
from beamloom.cli._words import content_of, name_and_value
from beamloom.errors import UsageError

if TYPE_CHECKING:
    from beamloom.client import PipelineParameters

EXAMPLE = """\
beamloom params get
beamloom params get threshold
beamloom params set threshold=5 mode=fast
beamloom params set mask=@mask.npy --url http://beamline:5000"""
MOST = 60
"""Characters of a value in the list."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is done, and of which pipeline."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="get|set")
    get = actions.add_parser("get", help="print parameters", allow_abbrev=False)
    get.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a parameter; its value alone is printed (default: all, described)",
    )
    get.add_argument("--json", action="store_true", help="as data, for programs")
    change = actions.add_parser("set", help="change parameters", allow_abbrev=False)
    change.add_argument("values", nargs="+", metavar="NAME=VALUE", help="a parameter and its new value")
    change.add_argument(
        "--again",
        action="store_true",
        help="reduce the run that goes on again from event 0 with them, and show that once it has caught up; stays until the run ends",
    )
    for action in (get, change):
        add_url_option(action)


def run(arguments: argparse.Namespace) -> int:
    """Read or set."""
    from beamloom.parameters import ParameterError, UnknownParameter

    if getattr(arguments, "again", False):
        from beamloom.cli._again import refuse_unless_it_can_be_followed

        refuse_unless_it_can_be_followed(arguments.url)
    with pipeline_at(arguments.url) as pipeline:
        try:
            if arguments.action == "set":
                _set(pipeline.parameters, arguments.values)
            else:
                _get(pipeline.parameters, arguments.names, as_json=arguments.json)
        except (ParameterError, UnknownParameter) as error:
            raise UsageError(str(error)) from error
    if getattr(arguments, "again", False):
        from beamloom.cli._again import follow

        return follow(arguments.url, arguments.values)
    return 0


def _get(parameters: PipelineParameters, names: list[str], *, as_json: bool) -> None:
    import msgspec

    lines = parameters.lines(*names)
    if as_json:
        print(msgspec.json.encode({line.name: _plain(line.value) for line in lines}).decode())
    elif names:
        for line in lines:
            print(_shown(line.value))
    else:
        rows = [(line.name, _short(line.value), _about(line.described)) for line in lines]
        widths = [max((len(row[place]) for row in rows), default=0) for place in range(2)]
        for name, value, about in rows:
            print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {about}".rstrip())


def _set(parameters: PipelineParameters, words: list[str]) -> None:
    known = parameters.descriptions()
    texts: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    for word in words:
        name, value = name_and_value(word)
        if value.startswith("@"):
            texts |= _file(known[name], Path(value[1:]), contents)
        else:
            texts[name] = value
    for name in {*texts, *contents}:
        known[name]  # one that nobody knows is refused before any is set
    # Contents first: a name says that its file is there.
    for name, content in contents.items():
        parameters[name] = content
    if texts:
        parameters.update(texts)
    print("\n".join(f"{line.name} = {_short(line.value)}" for line in parameters.lines(*texts, *contents)))


def _file(described: Mapping[str, Any], path: Path, contents: dict[str, bytes]) -> dict[str, str]:
    """Take the content of ``path``; returns the parameter that holds its name, where there is one."""
    content, name = content_of(path), described["name"]
    if described["dtype"] == "file":
        contents[f"{name}_file"] = content
        return {name: path.name}
    contents[name] = content
    return {}


def _about(described: Mapping[str, Any]) -> str:
    if not described:
        return "(set by somebody; no class describes it)"
    said = [described.get("description", "")]
    if described.get("unit"):
        said.append(f"in {described['unit']}")
    bounds = [
        f"{word} {described[key]}"
        for key, word in (("min", "from"), ("max", "to"))
        if described.get(key) is not None
    ]
    said.append(" ".join(bounds))
    if described.get("choices"):
        said.append("one of " + " | ".join(map(str, described["choices"])))
    return ", ".join(filter(None, said))


def _shown(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def _short(value: Any) -> str:
    text = _shown(value).replace("\n", " ")
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"


def _plain(value: Any) -> Any:
    """As JSON has it."""
    import base64

    import numpy as np

    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
