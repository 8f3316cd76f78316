"""The settings of a store that several machines reach. They are types, to be named by whoever keeps something there, or asks it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

StoreUrl = Annotated[
    str,
    Meta(
        pattern=r"^$|^(redis|rediss|unix)://.+$",
        description="Address of a Redis or Valkey server that keeps the state of the controller, and the ledger of the rules, in place "
        "of a folder. Any number of controllers stand by with the same one, and one of them goes on within three seconds when the first "
        "one dies. The other processes ask it where the controller is.",
        extra={
            "variables": ["REDIS_URL", "SERVICE_REDIS_DSN"],
            "expects": "an address such as redis://host:6379/0",
        },
    ),
]
PipelineName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Name of the pipeline in that store, which several may share.",
        extra={"expects": "letters, digits, dots and dashes"},
    ),
]
