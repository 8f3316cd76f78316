"""A pipeline file, made of what a repository says of its deployment: values of dranspose's chart, a compose file, variables.

What has no counterpart is told by its line. The file that is made is read again before anybody sees it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from beamloom.devices.ingester_classes import DEVICES
from beamloom.errors import UserError, did_you_mean
from beamloom.located_yaml import Key, Located
from beamloom.migrating.repository import Repository
from beamloom.migrating.told import Remark
from beamloom.pipeline_file import parse_pipeline

NOWHERE: Final = "tcp://127.0.0.1:9999"
"""The address of a device that nobody has given."""
SARDANA: Final = "HttpSardanaIngester"
"""What is no class of an ingester, but an app of its own."""
_ENVIRONMENT: Final = re.compile(r"^\s*(?:export\s+|ENV\s+)?([A-Z_]+)\s*=\s*(.*?)\s*$")


@dataclass
class Deployment:
    """What was read so far."""

    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: list[dict[str, Any]] = field(default_factory=list)
    """Groups of workers: class, count, tags."""
    reducer: str = ""
    workers: int = 0
    worker: str = ""
    recording: str = ""
    log_level: str = ""
    places: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def say(self, file: str, line: int, sentence: str, level: Any = "attention") -> None:
        """Remark on a line of it."""
        self.remarks.append(Remark(level=level, what="deployment", file=file, line=line, sentence=sentence))

    def class_name(self, file: str, line: int, given: Any) -> str:
        """``module:Class``, also of what has a dot in place of the colon."""
        text = str(given or "")
        package, dot, last = text.rpartition(".")
        if text and ":" not in text and dot:
            self.say(file, line, f"{text!r} has a dot where the colon belongs: '{package}:{last}' is meant")
            return f"{package}:{last}"
        return text


def pipeline_of(
    repository: Repository, worker: str, reducer: str, parameters: str | None, folder: str = "."
) -> tuple[str, list[Remark]]:
    """The text of a pipeline file, empty where nothing describes a deployment, and remarks.

    ``worker`` and ``reducer`` are the classes that were found, for deployments that name none; they are imported from ``folder``.
    """
    read = Deployment()
    for name, root in repository.documents.items():
        # A template is no deployment yet, even where it can be parsed.
        if "{{" not in (repository.text(name) or ""):
            _helm(read, name, root)
            _compose(read, name, root)
    for name in repository.names:
        if name.rpartition("/")[2] in (".env", "Dockerfile") or name.endswith((".env", ".sh")):
            _environment(read, name, repository.text(name) or "")
    if not read.streams:
        return "", read.remarks
    made = _written(read, worker, reducer, parameters, folder)
    try:
        parse_pipeline(made, folder=repository.path)
    except UserError as error:
        for line in str(error).splitlines():
            read.say("", 0, f"the pipeline file that was made still lacks something: {line}")
    return made, read.remarks


def _under(item: Located | None, *names: str) -> Located | None:
    for name in names:
        if item is None or not isinstance(item.value, dict):
            return None
        item = item.value.get(Key(name, 0))
    return item


def _plain(item: Located | None) -> Any:
    return None if item is None else item.plain()


# ---- values of the chart ----------------------------------------------------------------------------------------------------


def _helm(read: Deployment, name: str, root: Located) -> None:
    ingesters = _under(root, "ingesters")
    if ingesters is None or not isinstance(ingesters.value, dict):
        return
    read.places.append(name)
    for key, item in ingesters.value.items():
        own = item.plain()
        if isinstance(own, dict):
            app = own.get("ingester_app")
            kind = SARDANA if app else own.get("ingester_class") or "ZmqPullSingleIngester"
            url = own.get("upstream_url") or own.get("connect_url")
            _stream(read, name, key.line, str(own.get("stream") or key.text), kind, url)
    count = _plain(_under(root, "workers"))
    read.workers = count if isinstance(count, int) else 8
    for what in ("worker", "reducer"):
        given = _under(root, what, "class")
        if given is not None and given.value:
            setattr(read, what, read.class_name(name, given.line, given.value))
    extra = _under(root, "extra_workers")
    for key, item in extra.value.items() if extra and isinstance(extra.value, dict) else ():
        own = item.plain()
        cls = read.class_name(name, item.line, own.get("class")) if isinstance(own, dict) else ""
        if not cls:
            read.say(
                name,
                key.line,
                f"the worker {key.text!r} names no class: 'debugworker: {{}}' in the pipeline file is one that only looks",
            )
            continue
        read.groups.append({"class": cls, "count": 1, "tags": _tags(own.get("tags"))})
        if own.get("repub"):
            read.say(
                name,
                key.line,
                f"repub of {key.text!r} opens a port to others: the class binds it itself, as it does now",
            )
    prefix = _plain(_under(root, "global", "dump_prefix"))
    read.recording = str(prefix) if prefix else read.recording
    level = _plain(_under(root, "log_level"))
    read.log_level = str(level).upper() if level else read.log_level
    read.say(
        name,
        1,
        "the chart of Beamloom (deploy/helm/beamloom) takes these values as they are; docs/how-to/deploy-by-helm.md",
        "works",
    )


def _tags(given: Any) -> list[str]:
    try:
        tags = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        tags = [given]
    return [str(one) for one in tags] if isinstance(tags, list) and tags else ["generic"]


def _stream(read: Deployment, file: str, line: int, stream: str, kind: Any, url: Any) -> None:
    last = str(kind).rpartition(":")[2]
    device = "sardana" if last == SARDANA else DEVICES.get(last)
    if device is None:
        read.say(
            file,
            line,
            f"the ingester class {kind!r} of the stream {stream!r} is not known{did_you_mean(last, DEVICES)}: write a device "
            "for it (docs/how-to/add-a-device.md) and name it in the pipeline file; the stream is left out",
        )
        return
    if device == "sardana":
        url = "http://0.0.0.0:8000"
        read.say(
            file,
            line,
            f"the stream {stream!r} listens for Sardana's posts at {url}: have the recorder post there",
            "note",
        )
    elif not url:
        url = NOWHERE
        read.say(
            file,
            line,
            f"the stream {stream!r} has no address: write that of its device in place of {NOWHERE}",
        )
    read.streams[stream] = {"device": device, "url": str(url)}


# ---- compose files ----------------------------------------------------------------------------------------------------------


def _compose(read: Deployment, name: str, root: Located) -> None:
    services = _under(root, "services")
    if services is None or not isinstance(services.value, dict):
        return
    for key, item in services.value.items():
        command = _plain(_under(item, "command"))
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command or ()]
        if words[:1] == ["dranspose"] or words[:1] == ["beamloom"]:
            words = words[1:]
        variables = _variables(_plain(_under(item, "environment")))
        line = key.line
        line = getattr(_under(item, "command"), "line", line)
        if words and _command(read, name, line, words, variables):
            read.places += [] if name in read.places else [name]
        replicas = _plain(_under(item, "deploy", "replicas")) or _plain(_under(item, "scale"))
        if words[:1] == ["worker"]:
            read.workers += replicas if isinstance(replicas, int) else 1


def _variables(given: Any) -> dict[str, str]:
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items()}
    return dict(str(one).partition("=")[::2] for one in given or ()) if isinstance(given, list) else {}


def _command(read: Deployment, file: str, line: int, words: list[str], variables: Mapping[str, str]) -> bool:
    flags = dict(_flags(words[1:]))

    def flag(*names: str) -> str:
        return next((flags[name] for name in names if name in flags), "")

    match words[0]:
        case "ingester" | "http_ingester":
            app = words[0] == "http_ingester"
            kind = SARDANA if app else flag("-c", "--ingesterclass") or "ZmqPullSingleIngester"
            url = flag("-u", "--upstream_url") or variables.get("UPSTREAM_URL")
            for stream in [flag("-n", "--name")] if flag("-n", "--name") else _streams(variables):
                _stream(read, file, line, stream, kind, url)
        case "worker":
            cls = flag("-c", "--workerclass") or variables.get("WORKER_CLASS")
            read.worker = read.class_name(file, line, cls) or read.worker
        case "reducer":
            cls = flag("-c", "--reducerclass") or variables.get("REDUCER_CLASS")
            read.reducer = read.class_name(file, line, cls) or read.reducer
        case _:
            return False
    return True


def _flags(words: list[str]) -> Iterator[tuple[str, str]]:
    for place, word in enumerate(words):
        if word.startswith("-"):
            name, equals, value = word.partition("=")
            yield name, value if equals else (words[place + 1] if place + 1 < len(words) else "")


def _streams(variables: Mapping[str, str]) -> list[str]:
    return _tags(variables["INGESTER_STREAMS"]) if "INGESTER_STREAMS" in variables else []


# ---- names of the environment -----------------------------------------------------------------------------------------------


def _environment(read: Deployment, name: str, text: str) -> None:
    given: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _ENVIRONMENT.match(line):
            given[match[1]] = number, match[2].strip("'\"")
    variables = {key: value for key, (_, value) in given.items()}
    for stream in _streams(variables):
        _stream(
            read,
            name,
            given["INGESTER_STREAMS"][0],
            stream,
            "ZmqPullSingleIngester",
            variables.get("UPSTREAM_URL"),
        )
        read.say(
            name,
            given["INGESTER_STREAMS"][0],
            f"nothing says which ingester receives {stream!r}: 'stins' is taken, correct the device",
            "attention",
        )
    for variable, what in (("WORKER_CLASS", "worker"), ("REDUCER_CLASS", "reducer")):
        if variable in given:
            number, text = given[variable]
            setattr(read, what, read.class_name(name, number, text))
    if given.keys() & {"INGESTER_STREAMS", "WORKER_CLASS", "REDUCER_CLASS"}:
        read.places.append(name)


# ---- the file ---------------------------------------------------------------------------------------------------------------


def _written(read: Deployment, worker: str, reducer: str, parameters: str | None, folder: str) -> str:
    first = {"class": read.worker or worker or "worker:Worker", "count": max(1, read.workers)}
    rows = [f"# Made by 'beamloom migrate' of {', '.join(dict.fromkeys(read.places))}.", "streams:"]
    rows += [f"  {_flow(stream)}: {_flow(own)}" for stream, own in read.streams.items()]
    if read.groups:
        rows += ["workers:", *(f"  - {_flow(group)}" for group in [first, *read.groups])]
    else:
        rows.append(f"workers: {_flow(first)}")
    rows.append(
        f"reducer: {_flow({'class': read.reducer or reducer or 'reducer:Reducer', 'http': '127.0.0.1:5001'})}"
    )
    rows.append(f"controller: {_flow({'http': '127.0.0.1:5000'})}")
    if folder != "." and (not read.worker or read.worker == worker):
        rows.append(f"analysis: {_flow(folder)}")
    if parameters is not None:
        rows.append(f"parameters: {_flow(parameters)}")
    if read.recording:
        rows.append(f"recording: {_flow({'prefix': read.recording})}")
    if read.log_level in ("DEBUG", "INFO", "WARNING", "ERROR"):
        rows.append(f"settings: {_flow({'log_level': read.log_level})}")
    return "\n".join(rows) + "\n"


def _flow(value: Any) -> str:
    """A value on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.strip().removesuffix("...").strip()
