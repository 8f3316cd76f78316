"""What several kinds of process take that have to do with failures: capsules, and how many events may fail."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from beamloom.engine.accounts.budget import Budget

CapsuleDir = Annotated[
    str,
    Meta(
        description="Folder of the capsules of calls that failed, one folder for each run; by default `capsules` in the user's folder "
        "for state. Where it is shared, the controller hands out the capsules of all processes."
    ),
]
"""Where capsules are."""

Capsules = Annotated[
    int,
    Meta(
        ge=0,
        description="Capsules that are kept of each kind of failure in a run; 0: none.",
        extra={"unit": "capsules"},
    ),
]
"""How many there are."""

CapsuleBytes = Annotated[
    int,
    Meta(
        ge=0,
        description="Size that the capsules of one kind of failure may have together, packets and state of the class included.",
        extra={"unit": "bytes"},
    ),
]
"""How large they are."""

MaxFailed = Annotated[
    int | str,
    Meta(
        description="Events of a run that may fail before it is `degraded`: a number, or a share of them such as 5%; empty: any. "
        "`max_failed` of the request that arms a run wins.",
        extra={"expects": "a number of events such as 20, or a share of them such as 5%"},
    ),
]
"""How many events may fail."""


def check_max_failed(value: int | str) -> None:
    """Raise ValueError with a sentence where ``value`` is no number of events and no share of them."""
    Budget.of(value)


OnMaxFailed = Annotated[
    Literal["degrade", "stop"],
    Meta(
        description="What becomes of a run of which more events fail: `degrade` says so and goes on, `stop` ends it as well.",
        extra={"expects": "one of degrade, stop"},
    ),
]
"""What is done then."""
