"""Reads a pipeline file into a Pipeline, or lists all that is wrong with it, by line."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from beamloom.devices.registry import BrokenDevice, UnknownDevice, device_names, find_device
from beamloom.devices.sharing import split_refusal
from beamloom.errors import UsageError, did_you_mean
from beamloom.located_yaml import FileError, Key, Located, on_line, parse_yaml, read_yaml
from beamloom.pipeline_file._check import INVALID, Checker, Invalid
from beamloom.pipeline_file._common import STREAM_NAME, common_settings
from beamloom.pipeline_file._detectors import check_detectors
from beamloom.pipeline_file._rules import check_rules, with_absolute_recipes
from beamloom.pipeline_file._shape import Pipeline, host_and_port
from beamloom.settings import STREAM_KEYS, ProcessSettings, StreamSettings

LAST_PORT = 65535


def read_pipeline(path: Path | str) -> Pipeline:
    """The pipeline in a file, its relative paths made absolute.

    Raises UsageError for a file that cannot be read, FileError that lists every problem by line.
    """
    file = Path(path)
    return _pipeline(read_yaml(file), str(file), file.resolve().parent)


def parse_pipeline(text: str, *, file: str = "pipeline.yaml", folder: Path | None = None) -> Pipeline:
    """The pipeline in ``text``; ``file`` is the name in errors, ``folder`` what relative paths start from."""
    return _pipeline(parse_yaml(text, file), file, folder or Path.cwd())


def check_streams(streams: Mapping[str, StreamSettings]) -> None:
    """Check the keys of the streams of one ingester against their devices; raises UsageError that lists every problem."""
    checker = Checker({})
    for name, stream in streams.items():
        if stream.ingester:
            checker.note(
                1,
                f"the stream {name!r} is of this ingester; 'ingester' is for pipeline files, leave it out here",
            )
        _read_stream(checker, on_line(stream.written(), 1), name)
    if checker.problems:
        raise UsageError("\n".join(problem.text for problem in checker.problems))


def _pipeline(root: Located, file: str, folder: Path) -> Pipeline:
    if not isinstance(root.value, dict):
        raise UsageError(
            f"{file} is not a pipeline file: it holds no keys; 'beamloom schema --markdown' describes them"
        )
    checker = Checker({StreamSettings: _read_stream})
    pipeline = checker.read_struct(root, Pipeline, "")
    settings = _read_settings(checker, root)
    _check_names(checker, root)
    _check_ingesters(checker, root)
    check_detectors(checker, _under(root, "streams"), _under(root, "detectors"))
    _check_arming(checker, root)
    _check_ports(checker, root)
    _check_paths(checker, root, folder)
    check_rules(checker, root, folder)
    if checker.problems or isinstance(pipeline, Invalid):
        raise FileError(file, checker.problems)
    return _with_absolute_paths(msgspec.structs.replace(pipeline, settings=settings), folder)


def _read_stream(checker: Checker, item: Located, name: str) -> Any:
    if not isinstance(item.value, dict):
        return checker.note(
            item.line, f"the stream {name!r} takes a device and its keys, such as {{device: stins, url: ...}}"
        )
    device = _under(item, "device")
    if device is None or not isinstance(device.value, str):
        known = ", ".join(device_names())
        return checker.note(
            (device or item).line, f"the stream {name!r} has to name its device; installed are {known}"
        )
    try:
        found = find_device(device.value)
    except (UnknownDevice, BrokenDevice) as error:
        return checker.note(device.line, str(error))
    hints = typing.get_type_hints(StreamSettings, include_extras=True)
    own = {key.text: inner for key, inner in item.value.items() if key.text in STREAM_KEYS}
    keys = {key: inner for key, inner in item.value.items() if key.text != "device" and key.text not in own}
    before = len(checker.problems)
    values = {key: checker.read(inner, hints[key], key) for key, inner in own.items()}
    checker.read_struct(Located(keys, item.line), found.settings, name)
    if len(checker.problems) > before:
        return INVALID
    settings = StreamSettings(
        device=device.value, options={key.text: inner.plain() for key, inner in keys.items()}, **values
    )
    refusal = split_refusal(name, found.name, found.sharing, settings.ingesters, arms=settings.arms)
    if refusal is not None:
        return checker.note(own["ingesters"].line, refusal)
    return settings


def _read_settings(checker: Checker, root: Located) -> dict[str, Any]:
    item = _under(root, "settings")
    if item is None or not isinstance(item.value, dict):
        return {}
    known = common_settings()
    read: dict[str, Any] = {}
    for key, inner in item.value.items():
        if key.text in known:
            read[key.text] = checker.read(inner, known[key.text].annotation, key.text)
        else:
            checker.unknown(key, known)
    shared = {name: value for name, value in read.items() if name in ProcessSettings.__struct_fields__}
    if not any(isinstance(value, Invalid) for value in shared.values()):
        try:
            ProcessSettings(**shared)
        except ValueError as error:
            checker.note(item.line, str(error))
    return read


def _check_names(checker: Checker, root: Located) -> None:
    streams = _under(root, "streams")
    for key in streams.value if streams and isinstance(streams.value, dict) else ():
        if not STREAM_NAME.fullmatch(key.text):
            checker.note(
                key.line,
                f"a stream cannot be called {key.text!r}; use letters, digits, dots, dashes and underscores",
            )


def _check_ingesters(checker: Checker, root: Located) -> None:
    """A stream that is split has its ingesters for itself."""
    streams = _under(root, "streams")
    if streams is None or not isinstance(streams.value, dict):
        return
    split = {
        key.text for key, one in streams.value.items() if (n := _under(one, "ingesters")) and n.value != 1
    }
    for key, one in streams.value.items():
        named = _under(one, "ingester")
        if named is None:
            continue
        if key.text in split:
            checker.note(
                named.line,
                f"the stream {key.text!r} cannot be split and share an ingester; leave out 'ingester' or 'ingesters'",
            )
        elif isinstance(named.value, str) and named.value in split:
            checker.note(
                named.line,
                f"the stream {key.text!r} cannot share the ingesters of {named.value!r}, which is split over several; "
                "give it another 'ingester', or none",
            )


def _check_arming(checker: Checker, root: Located) -> None:
    streams, named = _under(root, "streams"), _under(root, "arming", "streams")
    if not (streams and named and isinstance(streams.value, dict) and isinstance(named.value, list)):
        return
    detectors = _under(root, "detectors")
    tiles = _streams_of_detectors(detectors)
    known = [key.text for key in streams.value] + list(tiles)
    for item in named.value:
        if isinstance(item.value, str) and item.value not in known:
            checker.note(item.line, f"there is no stream {item.value!r}{did_you_mean(item.value, known)}")
    places = [item.value for item in named.value]
    places += [
        stream for detector in places if isinstance(detector, str) for stream in tiles.get(detector, ())
    ]
    for key, stream in streams.value.items():
        arms = _under(stream, "arms")
        if arms and arms.value is True and key.text not in places:
            checker.note(
                arms.line, f"the stream {key.text!r} arms runs, but is not among 'streams' of 'arming'"
            )


def _streams_of_detectors(detectors: Located | None) -> dict[str, list[str]]:
    """The streams of the tiles of each detector, as far as they can be read."""
    if detectors is None or not isinstance(detectors.value, dict):
        return {}
    found: dict[str, list[str]] = {}
    for key, detector in detectors.value.items():
        tiles = _under(detector, "tiles")
        written = tiles.value if tiles and isinstance(tiles.value, list) else []
        named = [_under(tile, "stream") for tile in written]
        found[key.text] = [stream.value for stream in named if stream and isinstance(stream.value, str)]
    return found


def _check_ports(checker: Checker, root: Located) -> None:
    taken: dict[str, str] = {}
    for part, key in (
        ("controller", "http"),
        ("controller", "mailbox"),
        ("reducer", "http"),
        ("debugworker", "http"),
    ):
        item = _under(root, part, key)
        if item is None or not isinstance(item.value, str) or not re.fullmatch(r"[^:]+:[1-9]\d*", item.value):
            continue
        if host_and_port(item.value)[1] > LAST_PORT:
            checker.note(item.line, f"the port of {key!r} is beyond {LAST_PORT}, the last that there is")
        if item.value in taken:
            checker.note(
                item.line,
                f"{part} and {taken[item.value]} cannot both listen at {item.value}; change one port",
            )
        taken.setdefault(item.value, part)


def _check_paths(checker: Checker, root: Located, folder: Path) -> None:
    analysis = _under(root, "analysis")
    written = analysis.value if analysis and isinstance(analysis.value, str) else "."
    home = folder / written
    if analysis and (missing := _missing(home, "folder", Path.is_dir)):
        checker.note(analysis.line, f"{missing}; the analysis is imported from there")
        return
    parameters = _under(root, "parameters")
    for named, noun in ((parameters, "parameter file"), (_under(root, "arming", "map"), "trigger map")):
        path = folder / named.value if named and isinstance(named.value, str) else None
        if named and path and (missing := _missing(path, noun, Path.is_file)):
            checker.note(named.line, missing)
    for item in _class_names(root):
        _check_module(checker, item, home)


def _missing(path: Path, noun: str, look: Callable[[Path], bool]) -> str | None:
    """Why there is no such file or folder for this user, in a sentence; None where there is."""
    try:
        return None if look(path) else f"there is no {noun} {path}"
    except (OSError, ValueError) as error:
        return f"the {noun} {path} cannot be looked at: {getattr(error, 'strerror', None) or error}"


def _class_names(root: Located) -> list[Located]:
    workers = _under(root, "workers")
    groups = workers.value if workers and isinstance(workers.value, list) else [workers]
    named = [_under(group, "class") for group in groups if group]
    named += [_under(root, "reducer", "class"), _under(root, "debugworker", "class")]
    rules = _under(root, "rules")
    named += [
        _under(rule, "rule") for rule in (rules.value if rules and isinstance(rules.value, list) else ())
    ]
    return [item for item in named if item and isinstance(item.value, str) and ":" in item.value]


def _check_module(checker: Checker, item: Located, analysis: Path) -> None:
    """Only the first name of the module is looked for: to look for more, Python would have to run the user's package."""
    module = item.value.partition(":")[0].partition(".")[0]
    if importlib.machinery.PathFinder.find_spec(module, [str(analysis)]):
        return
    try:
        if importlib.util.find_spec(module):
            return
    except ValueError:
        return
    there = [
        path.stem for path in analysis.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    ]
    checker.note(item.line, f"there is no module {module!r} in {analysis}{did_you_mean(module, there)}")


FILES = ("keys", "http_tokens", "http_certificate", "http_key")
"""Settings that name files, as the keys that do: from the folder of the pipeline file on."""


def _with_absolute_paths(pipeline: Pipeline, folder: Path) -> Pipeline:
    changed: dict[str, Any] = {"analysis": str((folder / pipeline.analysis).resolve())}
    if pipeline.arming.map is not None:
        path = str((folder / pipeline.arming.map).resolve())
        changed["arming"] = msgspec.structs.replace(pipeline.arming, map=path)
    if isinstance(pipeline.parameters, str):
        changed["parameters"] = str((folder / pipeline.parameters).resolve())
    if pipeline.recording:
        # A prefix is not a path: a slash at its end says that it is a folder.
        prefix = str(folder / pipeline.recording.prefix)
        prefix += "/" if pipeline.recording.prefix.endswith("/") and not prefix.endswith("/") else ""
        changed["recording"] = msgspec.structs.replace(pipeline.recording, prefix=prefix)
    dask = pipeline.dask
    if dask is not None and dask.scheduler is not None and dask.scheduler.endswith(".json"):
        file = str((folder / dask.scheduler).resolve())
        changed["dask"] = msgspec.structs.replace(dask, scheduler=file)
    changed["rules"] = tuple(with_absolute_recipes(rule, folder) for rule in pipeline.rules)
    files = {name: str(pipeline.settings[name]) for name in FILES if pipeline.settings.get(name)}
    absolute = {name: str((folder / file).resolve()) for name, file in files.items()}
    return msgspec.structs.replace(pipeline, **changed, settings={**pipeline.settings, **absolute})


def _under(item: Located, *names: str) -> Located | None:
    """The value under a path of keys; None where there is no such key."""
    current: Located | None = item
    for name in names:
        if current is None or not isinstance(current.value, dict):
            return None
        current = current.value.get(Key(name, 0))
    return current
