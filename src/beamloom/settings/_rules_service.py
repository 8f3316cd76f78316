"""The settings of the service of the rules, where it is a process of its own; documented as those of the other processes are."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from beamloom.settings._rules import ApiPort, RulesBelow, RulesKeeperSettings


class RulesSettings(RulesKeeperSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The service of the rules."""

    http_port: ApiPort = 5003
    rules_below: RulesBelow = (".",)
    rules_idle: Annotated[
        float,
        Meta(
            ge=0,
            description="Time without work and without anybody who asks, after which the service ends; 0: never.",
            extra={"unit": "s"},
        ),
    ] = 0.0
