"""Which engine takes a rule, and how rules are shown."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from beamloom.rules import (
    FunctionRule,
    LocalPool,
    RuleEngine,
    RuleGroupWatcher,
    RuleRefused,
    RuleWatcher,
    using,
)
from beamloom.rules.api.watching import line, row
from beamloom.rules.recipes import module_names, parse_recipe
from support.patience import PATIENCE

SCRIPT = """
from beamloom.rules import FunctionRule
rule = FunctionRule("support.rule_tasks:nothing", 100).push()
print(rule.wait()["frames"]["done"])
"""


def test_a_script_needs_neither_an_engine_nor_a_main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout == "100\n"
    assert (tmp_path / "beamloom" / "rules" / "0" / "ledger.sqlite").exists()


def test_rules_go_to_the_engine_of_the_block(tmp_path: Path) -> None:
    with RuleEngine(tmp_path / "a", LocalPool(1)) as engine, using(engine):
        rule = FunctionRule("support.rule_tasks:nothing", 1).push()
        assert [handle.id for handle in engine.rules()] == [rule.pushed.id]
        rule.wait(PATIENCE)


def test_a_rule_is_pushed_once(engine: RuleEngine) -> None:
    rule = FunctionRule("support.rule_tasks:nothing", 1)
    with pytest.raises(RuleRefused, match="not pushed yet"):
        rule.status()
    rule.push(engine)
    with pytest.raises(RuleRefused, match="was pushed already"):
        rule.push(engine)


def test_who_waits_is_told_when_the_engine_is_closed(tmp_path: Path) -> None:
    marker = tmp_path / "hold"
    marker.touch()
    engine = RuleEngine(tmp_path / "a", LocalPool(1))
    rule = FunctionRule("support.rule_tasks:holds", 1, parameters={"marker": str(marker)}).push(engine)
    with ThreadPoolExecutor(1) as others:
        told = others.submit(rule.wait, PATIENCE)
        engine.close()
        with pytest.raises(RuleRefused, match="the engine was closed; open its folder again"):
            told.result(PATIENCE)
    engine.close()
    marker.unlink()
    with RuleEngine(tmp_path / "a", LocalPool(1)) as again:
        again.rule(rule.pushed.id).wait(PATIENCE)


@pytest.mark.parametrize("watcher_class", [RuleWatcher, RuleGroupWatcher])
def test_a_watcher_shows_rules_until_they_have_ended(
    engine: RuleEngine, watcher_class: type[RuleWatcher]
) -> None:
    shown: list[Sequence[Mapping[str, Any]]] = []
    watcher = watcher_class(shown.append)
    rules = [FunctionRule("support.rule_tasks:nothing", 10, name=name).push(engine) for name in "ab"]
    for rule in rules:
        rule.wait(PATIENCE)
        watcher.watch(rule)
    assert engine.wait_until(
        lambda: {one["name"] for group in shown for one in group} == {"a", "b"}, PATIENCE
    )
    watcher.stop()
    assert all(one["state"] == "done" for group in shown for one in group)
    if watcher_class is RuleGroupWatcher:
        assert len(shown[-1]) == 2


def test_a_rule_is_shown_in_a_line_and_in_html_without_markup_of_its_name(engine: RuleEngine) -> None:
    rule = FunctionRule("support.rule_tasks:exits", 3, chunk=1, name="<b>").push(engine)
    status = rule.wait(PATIENCE, check=False)
    assert line(status).startswith("0 of 3, 3 failed")
    assert "&lt;b&gt;" in row(status)
    assert "SystemExit: 3 (3)" in rule._repr_html_()


def test_the_page_names_every_module_and_its_recipes_are_in_order(repository: Path) -> None:
    page = (repository / "docs/how-to/rules.md").read_text()
    assert [name for name in module_names() if f"`{name}`" not in page] == []
    recipes = re.findall(r"^```yaml\n(- .*?)^```", page, re.MULTILINE | re.DOTALL)
    assert recipes
    for recipe in recipes:
        parse_recipe(recipe, "page", {"input"})
