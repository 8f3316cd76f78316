"""What the text of an analysis shows: names that have others now, and what costs time or is not needed any more.

Each remark says what to do. Nothing is run for it, so it may be wrong about code that only looks alike; none of it is a problem.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from beamloom.migrating.classes import Seen
from beamloom.migrating.names import KEPT, RENAMED
from beamloom.migrating.repository import Repository, Source
from beamloom.migrating.told import Level, Remark

Found = Iterator[tuple[ast.AST, Level, str, str]]


def looked_at(repository: Repository, seen: Sequence[Seen]) -> list[Remark]:
    """All remarks, in the order of files and lines."""
    remarks = [
        Remark(level=level, what=what, sentence=sentence, file=source.name, line=getattr(node, "lineno", 0))
        for source in repository.sources
        for node, level, what, sentence in _imports(source)
    ]
    for one in seen:
        for look in LOOKS:
            remarks += [
                Remark(
                    level=level,
                    what=what,
                    sentence=sentence,
                    file=one.source.name,
                    line=getattr(node, "lineno", 0),
                )
                for node, level, what, sentence in look(one)
            ]
    remarks += list(_requirements(repository))
    return sorted(set(remarks), key=lambda one: (one.file, one.line, one.what))


# ---- names ------------------------------------------------------------------------------------------------------------------


def _imports(source: Source) -> Found:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            if module.partition(".")[0] != "dranspose":
                continue
            names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            if module == "dranspose" and names:
                module = f"dranspose.{names[0]}"
            yield node, *_import(module, names)


def _import(module: str, names: Sequence[str]) -> tuple[Level, str, str]:
    renamed = sorted({RENAMED[module, name][1] for name in names if (module, name) in RENAMED})
    if renamed and all((module, name) in RENAMED for name in names):
        return (
            "deprecated",
            "imports",
            f"'from beamloom import {', '.join(renamed)}' is the same under its own name",
        )
    if module.startswith("dranspose.middlewares"):
        return (
            "deprecated",
            "imports",
            "works; event.streams[NAME].parse() finds the parser of a stream by itself",
        )
    if module.startswith("dranspose.helpers.incremental"):
        return (
            "deprecated",
            "result types",
            "works; beamloom.Append keeps rows by event, merges, and shows which events are in",
        )
    if module.startswith("dranspose.replay"):
        return "works", "imports", "dranspose.replay.replay takes the same arguments here"
    if module.startswith(KEPT):
        return "works", "imports", f"{module} is here under its name"
    return (
        "attention",
        "imports",
        f"{module} is part of dranspose's own processes, and is not here: a device is written as docs/how-to/add-a-device.md says, "
        "a pipeline is spoken to by beamloom.connect",
    )


# ---- hooks ------------------------------------------------------------------------------------------------------------------


def _calls(seen: Seen) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(seen.node):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def _slow_calls(seen: Seen) -> Found:
    for node, name in _calls(seen):
        if name == "print":
            yield (
                node,
                "attention",
                "print",
                "print in a hook is lost among processes: logging.getLogger(__name__) is shown with its process and run",
            )
        elif name in ("time.sleep", "sleep"):
            yield (
                node,
                "attention",
                "sleep",
                "a hook that sleeps holds up its process: return early, or let timer() return the seconds to its next call",
            )
        elif name in ("pickle.loads", "pickle.load"):
            yield (
                node,
                "attention",
                "pickle",
                "unpickling runs code of whoever wrote the bytes: give parameters as JSON, an ArrayParameter or a FileParameter",
            )
        elif name in ("pickle.dumps", "pickle.dump"):
            yield (
                node,
                "deprecated",
                "pickle",
                "results travel as they are, arrays, dictionaries and dataclasses, without being pickled first",
            )
        elif name.endswith((".recv", ".recv_multipart", ".recv_json", ".recv_pyobj", ".accept")):
            yield (
                node,
                "attention",
                "sockets",
                f"{name} waits for somebody else: an event that takes longer than event_timeout ends the process; use poll() with a limit",
            )
        elif name.split(".")[-1] in ("get", "post", "urlopen") and name.split(".")[0] in (
            "requests",
            "urllib",
            "httpx",
        ):
            yield (
                node,
                "attention",
                "sockets",
                f"{name} waits for somebody else: give it a timeout, and call it in timer() rather than for each event",
            )


def _sockets(seen: Seen) -> Found:
    for node in ast.walk(seen.node):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        kept = any(
            isinstance(target, ast.Subscript) and "context" in ast.unparse(target.value)
            for target in node.targets
        )
        if kept and ast.unparse(node.value.func).split(".")[-1] in ("socket", "create_connection", "Context"):
            closes = any(isinstance(one, ast.FunctionDef) and one.name == "close" for one in seen.node.body)
            more = "" if closes else "; write close(self, context) that closes it"
            yield (
                node,
                "attention",
                "sockets",
                "a socket in context lives as long as the process; to send without waiting give it zmq.SNDTIMEO and a SNDHWM"
                + more,
            )


def _locks(seen: Seen) -> Found:
    for node in ast.walk(seen.node):
        if (
            isinstance(node, ast.Attribute)
            and node.attr == "publish_rlock"
            and isinstance(node.ctx, ast.Store)
        ):
            yield (
                node,
                "deprecated",
                "publish_rlock",
                "works; process_result and timer are called one after the other, and readers get a snapshot between two calls: no "
                "lock is needed",
            )


def _zmq_frames(seen: Seen) -> Found:
    for node, name in _calls(seen):
        if (
            name == "isinstance"
            and len(node.args) == 2
            and ast.unparse(node.args[1]).split(".")[-1] == "Frame"
        ):
            yield (
                node,
                "deprecated",
                "frames",
                "frames are bytes-like everywhere, live and in replays: the branch for zmq.Frame is never taken",
            )


def _published(seen: Seen) -> Found:
    if seen.role != "reducer":
        return
    for node in ast.walk(seen.node):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called.startswith("self.publish[") and called.endswith(".append"):
            yield (
                node,
                "deprecated",
                "result types",
                "a list is in the order in which results come, which chance decides; beamloom.Append puts each at its event",
            )
        if isinstance(node, ast.Assign | ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                words = ast.unparse(target)
                if not isinstance(target, ast.Subscript) or not words.startswith("self.publish["):
                    continue
                key = ast.unparse(target.slice)
                if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
                    yield (
                        node,
                        "deprecated",
                        "result types",
                        "beamloom.Sum adds up in 64 bits, merges over workers, and says which events are in",
                    )
                elif "concatenate" in ast.unparse(node.value) or "np.append" in ast.unparse(node.value):
                    yield (
                        node,
                        "deprecated",
                        "result types",
                        "the whole array is copied for each event; beamloom.Append grows in place",
                    )
                elif isinstance(target.value, ast.Subscript) and "event_number" in key:
                    yield (
                        node,
                        "deprecated",
                        "result types",
                        "a dictionary by event; beamloom.Append is an array with a row for each event",
                    )
                elif isinstance(target.value, ast.Subscript) and "position" in key:
                    yield (
                        node,
                        "deprecated",
                        "result types",
                        "a dictionary by position; beamloom.Map2D is a map with axes, which viewers plot by themselves",
                    )


LOOKS: Final[Sequence[Callable[[Seen], Found]]] = (_slow_calls, _sockets, _locks, _zmq_frames, _published)


# ---- what is installed ------------------------------------------------------------------------------------------------------


def _requirements(repository: Repository) -> Iterator[Remark]:
    names = repository.named(
        "requirements.txt", "environment.yml", "environment.yaml", "pyproject.toml", "setup.cfg", "dockerfile"
    )
    for name in names:
        for number, line in enumerate((repository.text(name) or "").splitlines(), 1):
            text = line.strip().lstrip("-\"' ")
            if text.startswith("dranspose") or "install dranspose" in line or "::dranspose" in line:
                yield Remark(
                    level="attention",
                    what="install",
                    file=name,
                    line=number,
                    sentence="install beamloom in place of dranspose: it brings the package 'dranspose' along, and both cannot be there",
                )
