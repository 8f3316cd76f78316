"""Read and set the parameters of a pipeline.

`get` prints them all, or those that are named; `set` changes several at the same event, all of them or, where one is refused, none.
NAME=@PATH sends the content of a file.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beamloom.cli._pipelines import DEFAULT, pipeline_at
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
    for action in (get, change):
        action.add_argument(
            "--url", default=DEFAULT, metavar="URL", help="address of the controller (default %(default)s)"
        )


def run(arguments: argparse.Namespace) -> int:
    """Read or set."""
    from beamloom.parameters import ParameterError, UnknownParameter

    with pipeline_at(arguments.url) as pipeline:
        try:
            if arguments.action == "set":
                _set(pipeline.parameters, arguments.values)
            else:
                _get(pipeline.parameters, arguments.names, as_json=arguments.json)
        except (ParameterError, UnknownParameter) as error:
            raise UsageError(str(error)) from error
    return 0


def _get(parameters: PipelineParameters, names: list[str], *, as_json: bool) -> None:
    import msgspec

    if as_json:
        values = {name: _plain(parameters[name]) for name in names or parameters}
        print(msgspec.json.encode(values).decode())
    elif names:
        for name in names:
            print(_shown(parameters[name]))
    else:
        rows = [(name, _short(parameters[name]), _about(parameters, name)) for name in parameters]
        widths = [max((len(row[place]) for row in rows), default=0) for place in range(2)]
        for name, value, about in rows:
            print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {about}".rstrip())


def _set(parameters: PipelineParameters, words: list[str]) -> None:
    texts: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{word!r} is not of the form NAME=VALUE")
        if value.startswith("@"):
            texts |= _file(parameters, name, Path(value[1:]), contents)
        else:
            texts[name] = value
    for name in {*texts, *contents}:
        parameters.describe(name)
    # Contents first: a name says that its file is there.
    for name, content in contents.items():
        parameters[name] = content
    if texts:
        parameters.update(texts)
    print("\n".join(f"{name} = {_short(parameters[name])}" for name in [*texts, *contents]))


def _file(
    parameters: PipelineParameters, name: str, path: Path, contents: dict[str, bytes]
) -> dict[str, str]:
    """Take the content of ``path``; returns the parameter that holds its name, where there is one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if parameters.describe(name)["dtype"] == "file":
        contents[f"{name}_file"] = content
        return {name: path.name}
    contents[name] = content
    return {}


def _about(parameters: PipelineParameters, name: str) -> str:
    from beamloom.parameters import UnknownParameter

    try:
        described = parameters.describe(name)
    except UnknownParameter:
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
