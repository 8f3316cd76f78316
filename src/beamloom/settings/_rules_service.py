"""The settings of the service of the rules, where it is a process of its own; documented as those of the other processes are."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from beamloom.settings._http import (
    HttpBodyLimit,
    HttpCertificate,
    HttpKey,
    HttpNames,
    HttpOpen,
    HttpOrigins,
    HttpTokens,
)
from beamloom.settings._kinds import Port, ProcessSettings
from beamloom.settings._rules import RulesBelow, RulesDir, RulesPath, RulesScheduler, RulesWorkers, RuleTypes
from beamloom.settings._store import PipelineName, StoreUrl


class RulesSettings(ProcessSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The service of the rules."""

    http_host: Annotated[
        str, Meta(description="Address of the network interface on which the HTTP API is served.")
    ] = "127.0.0.1"
    http_port: Annotated[Port, Meta(description="Port of the HTTP API.")] = 5003
    http_tokens: HttpTokens = ""
    http_open: HttpOpen = False
    http_certificate: HttpCertificate = ""
    http_key: HttpKey = ""
    http_names: HttpNames = ()
    http_origins: HttpOrigins = ()
    http_body_limit: HttpBodyLimit = 1 << 27
    rules_below: RulesBelow = (".",)
    rule_types: RuleTypes = {}
    rules_dir: RulesDir = ""
    rules_workers: RulesWorkers = 0
    rules_scheduler: RulesScheduler = ""
    rules_path: RulesPath = ""
    store: StoreUrl = ""
    pipeline: PipelineName = "beamloom"

    rules_idle: Annotated[
        float,
        Meta(
            ge=0,
            description="Time without work and without anybody who asks, after which the service ends; 0: never.",
            extra={"unit": "s"},
        ),
    ] = 0.0
