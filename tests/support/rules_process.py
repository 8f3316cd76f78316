"""A process that works off rules, for tests that kill it: ``python -m support.rules_process FOLDER [SERIES OUT]``.

With a series it pushes a rule first; without, it goes on with what is in the folder. It ends when all rules have.
"""

from __future__ import annotations

import sys

from beamloom.rules import FunctionRule, LocalPool, Retries, RuleEngine


def main(folder: str, series: str = "", out: str = "") -> None:
    """See the module."""
    with RuleEngine(folder, LocalPool(2)) as engine:
        if series:
            FunctionRule(
                "support.rule_tasks:rests",
                series,
                gather="support.rule_tasks:write_table",
                outputs={"results": out},
                parameters={"seconds": 0.005},
                chunk=4,
                retries=Retries(deaths=100, backoff=0.01),
            ).push(engine)
        for rule in engine.rules():
            rule.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
