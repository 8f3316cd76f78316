"""From a pipeline to the processes that make it on this machine: their names, command lines and addresses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from beamloom.access import Credentials, tokens_of
from beamloom.pipeline_file import Pipeline, WorkerGroup, host_and_port
from beamloom.placement.ports import free_ports
from beamloom.placement.children import ProcessSpec
from beamloom.placement.staff import WorkerKind
from beamloom.settings import ProcessSettings, StreamSettings, all_settings, named_rules, settings_of
from beamloom.transport.interfaces import address_at

INGESTERS, WORKERS, REDUCER, CONTROLLER = range(4)
"""The order in which processes are told to end: nothing may arrive for those that are gone."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What to start, and where to find it then."""

    title: str
    processes: tuple[ProcessSpec, ...]
    controller_url: str | None = None
    """HTTP address of the controller."""
    reducer_url: str | None = None
    debugworker_url: str | None = None
    ingesters: frozenset[str] = frozenset()
    """Names that the controller must know before the pipeline is ready."""
    workers: frozenset[str] = frozenset()
    kinds: tuple[WorkerKind, ...] = ()
    """Workers of which more can be started."""
    credentials: Credentials = Credentials()
    """What the supervisor presents to the controller."""


def layout_of(pipeline: Pipeline) -> Layout:
    """The processes of a pipeline on this machine; ports given as 0 are chosen now."""
    addresses = _addresses(pipeline)
    scheme, credentials = _of_http(pipeline.settings)
    command = _Commands(pipeline, addresses["mailbox"])
    processes = [command.controller(addresses["controller"]), command.reducer(addresses["reducer"])]
    ingesters = [
        ingester for name, stream in pipeline.streams.items() for ingester in command.ingesters(name, stream)
    ]
    workers = list(command.workers())
    if pipeline.debugworker:
        workers.append(command.debugworker(addresses["debugworker"]))
    return Layout(
        title=pipeline.name,
        processes=(*processes, *ingesters, *workers),
        controller_url=_url(scheme, addresses["controller"]),
        reducer_url=_url(scheme, addresses["reducer"]),
        debugworker_url=_url(scheme, addresses["debugworker"]) if pipeline.debugworker else None,
        credentials=credentials,
        ingesters=frozenset(spec.name for spec in ingesters),
        workers=frozenset(spec.name for spec in workers),
        kinds=tuple(command.kinds()),
    )


Address = tuple[str, int]
"""Host and port."""


def _addresses(pipeline: Pipeline) -> dict[str, Address]:
    wanted = {
        "mailbox": host_and_port(pipeline.controller.mailbox),
        "controller": host_and_port(pipeline.controller.http),
        "reducer": host_and_port(pipeline.reducer.http),
    }
    if pipeline.debugworker:
        wanted["debugworker"] = host_and_port(pipeline.debugworker.http)
    wanted = {name: (address_at(host), port) for name, (host, port) in wanted.items()}
    open_ones = [name for name, (_, port) in wanted.items() if port == 0]
    chosen = free_ports([wanted[name][0] for name in open_ones])
    return wanted | {name: (wanted[name][0], port) for name, port in zip(open_ones, chosen, strict=True)}


def _of_http(settings: Mapping[str, Any]) -> tuple[str, Credentials]:
    """How the services are asked over HTTP. Raises TokenFileError."""

    def setting(name: str) -> str:
        return str(settings.get(name) or os.environ.get(f"BEAMLOOM_{name.upper()}", ""))

    tokens, certificate = tokens_of(setting("http_tokens"), os.environ), setting("http_certificate")
    # The certificate may be made out to another name than the one by which it is asked on this machine: here it is trusted itself.
    credentials = Credentials(tokens.control or tokens.read, certificate, any_name=True)
    return "https" if certificate else "http", credentials


def _url(scheme: str, address: Address) -> str:
    return f"{scheme}://{_reachable(address[0])}:{address[1]}"


def _reachable(host: str) -> str:
    return "127.0.0.1" if host == "0.0.0.0" else host


class _Commands:
    """Makes the command line of each process, every setting that the pipeline file decides being a flag."""

    def __init__(self, pipeline: Pipeline, mailbox: Address) -> None:
        self._pipeline = pipeline
        self._mailbox = mailbox

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
        own = {
            "reducer_class": self._pipeline.reducer.reducer_class,
            "analysis_path": self._pipeline.analysis,
            "result_packages": self._result_packages,
            "http_host": http[0],
            "http_port": http[1],
        }
        return self._spec("reducer", "reducer", own, REDUCER)

    def ingesters(self, name: str, stream: StreamSettings) -> Iterable[ProcessSpec]:
        own = {
            "streams": {name: stream.written()},
            "record_prefix": self._record_prefix,
        }
        for number in range(1, stream.ingesters + 1):
            ending = f"-{number}" if stream.ingesters > 1 else ""
            yield self._spec("ingester", f"{name}-ingester{ending}", own, INGESTERS)

    def workers(self) -> Iterable[ProcessSpec]:
        number = 0
        for group in self._pipeline.worker_groups:
            for _ in range(group.count):
                number += 1
                yield self._worker(group, f"worker-{number}")

    def kinds(self) -> Iterable[WorkerKind]:
        """What is needed for further workers of each group."""
        for group in self._pipeline.worker_groups:
            make = partial(self._worker, group)
            yield WorkerKind(worker_class=group.worker_class, tags=tuple(group.tags), make=make)

    def _worker(self, group: WorkerGroup, name: str) -> ProcessSpec:
        own = {
            "worker_class": group.worker_class,
            "tags": group.tags,
            "analysis_path": self._pipeline.analysis,
        }
        return msgspec.structs.replace(self._spec("worker", name, own, WORKERS), is_worker=True)

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
        settings = {**self._pipeline.settings, "name": name, **own}
        settings["controller"] = f"tcp://{_reachable(self._mailbox[0])}:{self._mailbox[1]}"
        words = (sys.executable, "-P", "-m", "beamloom", command, *_flags(kind, settings))
        argv = (*words, f"--die-with-parent={os.getpid()}")
        return ProcessSpec(name, argv, env=_blanked(kind, own), stop_stage=stop_stage)


def _flags(kind: type[ProcessSettings], values: Mapping[str, Any]) -> list[str]:
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


def _blanked(kind: type[ProcessSettings], own: Mapping[str, Any]) -> dict[str, str]:
    """Empty variables for settings that the pipeline file leaves out on purpose: the shell must not give them behind its back."""
    known = settings_of(kind)
    return {
        variable: "" for name, value in own.items() if value is None for variable in known[name].variables
    }
