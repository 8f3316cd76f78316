"""A service of the rules in this process, behind its real HTTP, with one worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beamloom.control.rules.answers_over_http import rules_app
from beamloom.control.rules.desk import RulesDesk
from beamloom.rules import LocalPool, RuleEngine
from beamloom.rules.executors import OnDemand
from beamloom.rules.written import RuleTypes
from beamloom.transport.http_server import HttpServer
from rules.conftest import frames, series

TYPES = {name: f"support.rule_tasks:{name}" for name in ("sums", "fails_where_told", "holds")} | {
    "table": "support.service_rules:Table"
}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Its address; it reads and writes in ``data``, where the series ``cell`` has 40 frames."""
    data = folder / "data"
    series(data / "cell", frames(40))
    with RuleEngine(folder / "ledger", OnDemand(LocalPool(1))) as engine:
        with HttpServer(rules_app(RulesDesk(engine, RuleTypes(TYPES), [str(data)]))) as server:
            yield server.url
