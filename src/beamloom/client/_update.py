"""Newer code for the workers of a pipeline."""

from __future__ import annotations

from typing import Any

import msgspec

from beamloom.client._http import Service

MARGIN = 15.0
"""Seconds longer than the workers have that an answer is waited for."""


class CodeUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """Newer code has taken over."""

    edition: int
    """Its number; older workers have a lower one."""
    first_event: int | None
    """The first event of the run that is its own; None where no run goes on."""
    started: tuple[str, ...] = ()
    """Names of the workers that were started for that."""

    def __str__(self) -> str:
        """A sentence."""
        workers = f" ({', '.join(self.started)})" if self.started else ""
        if self.first_event is None:
            return f"edition {self.edition} of the analysis has taken over{workers}; older workers leave now"
        return (
            f"edition {self.edition} of the analysis has taken over from event {self.first_event} on{workers}; "
            "older workers leave when all events before it are settled"
        )


def update_code(controller: Service, worker: str, edition: int | None, patience: float) -> CodeUpdated:
    """Have newer code take over. Raises RequestRefused where it cannot; the older code goes on then."""
    wanted: dict[str, Any] = {"worker": worker, "patience": patience}
    if edition is not None:
        wanted["edition"] = edition
    answer = controller.ask(
        "POST",
        "/api/v1/update",
        content=msgspec.json.encode(wanted),
        timeout=max(patience + MARGIN, controller.timeout),
    )
    return controller.decoded(answer, CodeUpdated)
