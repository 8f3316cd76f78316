"""Rules of a site, as settings name them for the service of the rules."""

from __future__ import annotations

from typing import Any

from beamloom.rules import FunctionRule


class Table(FunctionRule):
    """The sums of all frames, in one file."""

    def __init__(self, series: str, outputs: dict[str, str], **kwargs: Any) -> None:
        super().__init__(
            "support.rule_tasks:sums",
            series,
            gather="support.rule_tasks:write_table",
            outputs=outputs,
            **kwargs,
        )
