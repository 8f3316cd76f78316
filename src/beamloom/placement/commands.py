"""The command line of each process of a pipeline, every setting that the pipeline file decides being a flag."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from beamloom.access.policy import is_loopback
from beamloom.pipeline_file import Pipeline, WorkerGroup, host_and_port
from beamloom.placement.children import ProcessSpec
from beamloom.placement.staff import WorkerKind
from beamloom.settings import ProcessSettings, StreamSettings, all_settings, named_rules, settings_of

INGESTERS, WORKERS, REDUCER, CONTROLLER = range(4)
"""The order in which processes are told to end: nothing may arrive for those that are gone."""

LIFELINE: Final = "--die-with-parent"
"""The flag of a process that ends with who started it."""
ANYWHERE: Final = "0.0.0.0"
HOST: Final = "{host}"
"""In a word of a command line: the address of the host that the process comes to run on, as others reach it."""
PLACES: Final = {
    "worker": "workers",
    "ingester": "ingesters",
    "reducer": "reducer",
    "debugworker": "debugworker",
}
"""What the pipeline file calls the processes of each command."""

Address = tuple[str, int]
"""Host and port."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Which processes run elsewhere, and how this machine is reached from there."""

    ground: str = ""
    """The name of where they run."""
    host: str = "127.0.0.1"
    places: frozenset[str] = frozenset()
    """``workers``, ``ingesters``, ``reducer``, ``debugworker``."""


HERE: Final = Spread()
"""All run on this machine."""


def reachable(host: str, from_there: str = "127.0.0.1") -> str:
    """How to reach who listens at ``host``: where that is everywhere, by the address that is given."""
    return from_there if host == ANYWHERE else host


class Commands:
    """Makes the command line of each process, every setting that the pipeline file decides being a flag."""

    def __init__(self, pipeline: Pipeline, mailbox: Address, spread: Spread = HERE) -> None:
        self._pipeline = pipeline
        self._mailbox = mailbox
        self._spread = spread

    def controller(self, http: Address) -> ProcessSpec:
        parameters = self._pipeline.parameters
        own = {
            "http_host": http[0],
            "http_port": http[1],
            "bind": self._mailbox[0],
            "mailbox_port": self._mailbox[1],
            "parameters_file": parameters if isinstance(parameters, str) else None,
            "parameters": parameters if isinstance(parameters, dict) else None,
            "detectors": self._pipeline.detectors or None,
            "record_prefix": self._record_prefix,
            "arming_map": self._pipeline.arming.map,
            "arming_streams": self._pipeline.arming_streams or None,
            **self._rules(),
        }
        return self._spec("controller", "controller", own, CONTROLLER)

    def _rules(self) -> dict[str, Any]:
        """What the controller has to know of rules; a class or function is a kind of rule under its own name."""
        rules = self._pipeline.rules
        if not rules:
            return {"run_rules": None}
        own = {name: name for rule in rules for name in named_rules(rule) if ":" in name}
        types = {**self._pipeline.settings.get("rule_types", {}), **own}
        return {"run_rules": rules, "rules_path": self._pipeline.analysis, "rule_types": types or None}

    def reducer(self, http: Address) -> ProcessSpec:
        own: dict[str, Any] = {
            "reducer_class": self._pipeline.reducer.reducer_class,
            "analysis_path": self._pipeline.analysis,
            "result_packages": self._result_packages,
            "http_host": http[0],
            "http_port": http[1],
        }
        if self._pipeline.reducer.leaves > 1:
            own["leaves"] = self._pipeline.reducer.leaves
        return self._spec("reducer", "reducer", own, REDUCER)

    def ingesters(self, name: str, streams: Mapping[str, StreamSettings]) -> Iterable[ProcessSpec]:
        """One that receives all of ``streams``; as many as a stream is split over, which shares none of them."""
        own = {
            "streams": {
                stream: msgspec.structs.replace(one, ingester="").written() for stream, one in streams.items()
            },
            "record_prefix": self._record_prefix,
        }
        number_of_them = max(one.ingesters for one in streams.values())
        for number in range(1, number_of_them + 1):
            ending = f"-{number}" if number_of_them > 1 else ""
            yield self._spec("ingester", f"{name}-ingester{ending}", own, INGESTERS)

    def workers(self) -> Iterable[ProcessSpec]:
        number = 0
        for kind, group in enumerate(self._pipeline.worker_groups):
            for _ in range(group.count):
                number += 1
                yield self._worker(kind, group, f"worker-{number}")

    def kinds(self) -> Iterable[WorkerKind]:
        """What is needed for further workers of each group."""
        for kind, group in enumerate(self._pipeline.worker_groups):
            make = partial(self._worker, kind, group)
            yield WorkerKind(worker_class=group.worker_class, tags=tuple(group.tags), make=make)

    def _worker(self, kind: int, group: WorkerGroup, name: str) -> ProcessSpec:
        own = {
            "worker_class": group.worker_class,
            "tags": group.tags,
            "analysis_path": self._pipeline.analysis,
        }
        return msgspec.structs.replace(self._spec("worker", name, own, WORKERS), is_worker=True, kind=kind)

    def shadow(self, name: str, worker: str, reducer: str, sample: float) -> ProcessSpec:
        """A shadow worker, on this machine."""
        group = self._pipeline.worker_groups[0]
        own = {
            "worker_class": worker or group.worker_class,
            "reducer_class": reducer or self._pipeline.reducer.reducer_class,
            "tags": group.tags,
            "analysis_path": self._pipeline.analysis,
            "sample": sample,
            "http_host": host_and_port(self._pipeline.reducer.http)[0],
            "http_port": 0,
        }
        return self._spec("shadowworker", name, own, WORKERS)

    def debugworker(self, http: Address) -> ProcessSpec:
        debugworker = self._pipeline.debugworker
        if debugworker is None:
            raise ValueError("the pipeline has no debug worker")
        own = {
            "worker_class": debugworker.worker_class,
            "tags": debugworker.tags,
            "keep_events": debugworker.keep_events,
            "analysis_path": self._pipeline.analysis,
            "http_host": http[0],
            "http_port": http[1],
        }
        return self._spec("debugworker", "debugworker", own, WORKERS)

    @property
    def _result_packages(self) -> list[str]:
        classes = [group.worker_class for group in self._pipeline.worker_groups]
        packages = {cls.partition(":")[0].partition(".")[0] for cls in classes}
        return sorted(packages | set(self._pipeline.settings.get("result_packages", ())))

    @property
    def _record_prefix(self) -> str | None:
        return self._pipeline.recording.prefix if self._pipeline.recording else None

    def _spec(self, command: str, name: str, own: Mapping[str, Any], stop_stage: int) -> ProcessSpec:
        kind = all_settings()[command]
        away = PLACES.get(command) in self._spread.places
        settings = {**self._pipeline.settings, "name": name, **own, **self._addresses(own, away=away)}
        settings["controller"] = f"tcp://{reachable(self._mailbox[0], self._spread.host)}:{self._mailbox[1]}"
        words = ("-P", "-m", "beamloom", command, *flags_of(kind, settings))
        if away:
            env = {**_given(kind), **_blanked(kind, own)}
            return ProcessSpec(name, words, env=env, stop_stage=stop_stage, ground=self._spread.ground)
        argv = (sys.executable, *words, f"{LIFELINE}={os.getpid()}")
        return ProcessSpec(name, argv, env=_blanked(kind, own), stop_stage=stop_stage)

    def _addresses(self, own: Mapping[str, Any], *, away: bool) -> dict[str, Any]:
        """Where a process opens its ports, and is reached, when some of them run elsewhere."""
        if away:
            http = {"http_host": HOST} if is_loopback(str(own.get("http_host", ""))) else {}
            return {"bind": HOST, **http}
        if not self._spread.places:
            return {}
        bind = str(own.get("bind", self._spread.host))
        return {"bind": bind, "advertise": self._spread.host if bind == ANYWHERE else None}


def flags_of(kind: type[ProcessSettings], values: Mapping[str, Any]) -> list[str]:
    """Flags for the values that a kind of process has a setting for; None is not given."""
    flags = []
    for name, setting in settings_of(kind).items():
        match values.get(name):
            case None:
                continue
            case bool(value):
                flags.append(setting.flag if value else "--no-" + setting.flag.removeprefix("--"))
            case str(value):
                flags.append(f"{setting.flag}={value}")
            case value:
                flags.append(f"{setting.flag}={msgspec.json.encode(value).decode()}")
    return flags


def _given(kind: type[ProcessSettings]) -> dict[str, str]:
    """What the shell gives to a process of this kind, for one that does not inherit it."""
    names = [name for setting in settings_of(kind).values() for name in setting.variables]
    return {name: os.environ[name] for name in names if name in os.environ}


def _blanked(kind: type[ProcessSettings], own: Mapping[str, Any]) -> dict[str, str]:
    """Empty variables for settings that the pipeline file leaves out on purpose: the shell must not give them behind its back."""
    known = settings_of(kind)
    return {
        variable: "" for name, value in own.items() if value is None for variable in known[name].variables
    }
