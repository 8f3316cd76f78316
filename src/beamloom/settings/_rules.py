"""What the controller and the service of the rules by itself have in common: HTTP, the rules, and the store of their ledger.

The types are named by those that have another default.
"""

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
from beamloom.settings._process import Port, ProcessSettings
from beamloom.settings._store import PipelineName, StoreUrl

ApiPort = Annotated[Port, Meta(description="Port of the HTTP API.")]
RulesBelow = Annotated[
    tuple[str, ...],
    Meta(
        description="Folders in and below which rules that come over HTTP read and write; / for anywhere.",
        extra={"expects": "folders, such as /data/today"},
    ),
]


class RulesKeeperSettings(ProcessSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See the module."""

    http_host: Annotated[
        str,
        Meta(
            description="Address of the network interface on which the HTTP API is served, its name, or the network that it is in."
        ),
    ] = "127.0.0.1"
    http_port: ApiPort = 0
    http_tokens: HttpTokens = ""
    http_open: HttpOpen = False
    http_certificate: HttpCertificate = ""
    http_key: HttpKey = ""
    http_names: HttpNames = ()
    http_origins: HttpOrigins = ()
    http_body_limit: HttpBodyLimit = 1 << 27
    rules_below: RulesBelow = ()
    rule_types: Annotated[
        dict[str, str],
        Meta(
            description="Rules that descriptions may name beside those of Beamloom: a name, and the class or the function as module:name.",
            extra={"expects": 'names with what they mean, such as {"spots": "mypackage.analysis:spots"}'},
        ),
    ] = {}
    rules_dir: Annotated[
        str,
        Meta(
            description="Folder of the ledger of the rules, from which a new service goes on; by default `rules` in `state_dir`, or in the "
            "user's folder for state."
        ),
    ] = ""
    rules_workers: Annotated[
        int,
        Meta(ge=0, le=4096, description="Processes that work off rules; 0: one for each core."),
    ] = 0
    rules_scheduler: Annotated[
        str,
        Meta(
            description="Dask scheduler whose workers work off rules; none: processes of this machine.",
            extra={"expects": "an address such as tcp://node1:8786"},
        ),
    ] = ""
    rules_path: Annotated[
        str,
        Meta(
            description="Folder where the classes and functions of `rule_types` and of rules of the pipeline file are imported from."
        ),
    ] = ""
    store: StoreUrl = ""
    pipeline: PipelineName = "beamloom"
