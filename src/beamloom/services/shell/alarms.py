"""What a process does not keep, and says so: one sentence for each reason, seen at ``/api/v1/status`` under ``alarms``."""

from __future__ import annotations

from typing import Any


def alarm_notes(*alarms: str | None) -> dict[str, Any]:
    """What the controller is to know of these; None where something is as it should be."""
    sentences = [alarm for alarm in alarms if alarm]
    return {"alarm": "; ".join(sentences)} if sentences else {}
