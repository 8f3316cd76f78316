"""The settings of the service of the rules, as a process of its own or beside a controller. They are types, to be named by both."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

RulesBelow = Annotated[
    tuple[str, ...],
    Meta(
        description="Folders in and below which rules that come over HTTP read and write; / for anywhere.",
        extra={"expects": "folders, such as /data/today"},
    ),
]
RuleTypes = Annotated[
    dict[str, str],
    Meta(
        description="Rules that descriptions may name beside those of Beamloom: a name, and the class or the function as module:name.",
        extra={"expects": 'names with what they mean, such as {"spots": "mypackage.analysis:spots"}'},
    ),
]
RulesDir = Annotated[
    str,
    Meta(
        description="Folder of the ledger of the rules, from which a new service goes on; by default `rules` in `state_dir`, or in the "
        "user's folder for state."
    ),
]
RulesScheduler = Annotated[
    str,
    Meta(
        description="Dask scheduler whose workers work off rules; none: processes of this machine.",
        extra={"expects": "an address such as tcp://node1:8786"},
    ),
]
RulesWorkers = Annotated[
    int,
    Meta(ge=0, le=4096, description="Processes that work off rules; 0: one for each core."),
]
RulesPath = Annotated[
    str,
    Meta(
        description="Folder where the classes and functions of `rule_types` and of rules of the pipeline file are imported from."
    ),
]
